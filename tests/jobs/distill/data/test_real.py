"""Excerpts of real datasets come in with the roles found, in one click; the test prints the table."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jobs.distill.data import table

REAL = Path(__file__).parents[3] / "data" / "real"
EXPECTED = {  # file -> (rows, task, roles)
    "banking77.csv": (30, "Classification", "user: text, assistant: category"),
    "clinc150.json": (24, "Classification", "user: column 1, assistant: column 2, split: split"),
    "gsm8k-preference.jsonl": (8, "Question and answer", "user: prompt, chosen: chosen, rejected: rejected"),
    "gsm8k.jsonl": (12, "Reasoning with answer", "user: question, assistant: answer"),
    "humaneval.jsonl": (5, "Code", "user: prompt, assistant: canonical_solution, id: task_id"),
    "nlupp_banking.json": (12, "Extraction", "user: text, field: intents, field: slots"),
    "self_instruct.jsonl": (8, "Question and answer", "user: instruction, assistant: output, context: input, id: id"),
    "sharegpt_dummy.json": (10, "Chat", "messages: conversations, id: id"),
    "svamp.json": (12, "Reasoning with answer", "user: Body, assistant: Answer, context: Question, id: ID"),
    "wnut17.conll": (10, "Extraction", "user: sentence, assistant: entities"),
    "real.zip": (12, "Translation", "user: deu, assistant: eng"),
}


def test_every_excerpt_comes_in_whole_with_one_click() -> None:
    found = list(table.lines(REAL))
    print(table.markdown(found))
    assert {f.file: (f.rows, f.task, f.roles) for f in found} == EXPECTED
    assert [f.file for f in found if f.refused or f.clicks != 1] == []


def test_it_says_why_a_file_holds_no_rows_and_counts_offers_as_clicks(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('["a", "b"]')
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "one"}\n{"prompt": "two"}\n')
    labels, prompts = table.lines(tmp_path)
    assert (labels.clicks, prompts.clicks, prompts.rows) == (None, 2, 2)
    assert "not an object but a text" in labels.said and "as prompts for a teacher" in prompts.said


def test_it_writes_the_table_between_its_marks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(REAL / "banking77.csv", tmp_path)
    document = tmp_path / "README.md"
    document.write_text("Before\n<!-- table -->\nold\n<!-- end -->\nAfter\n")
    assert table.main([str(tmp_path), "--write", str(document)]) == 0
    text = document.read_text()
    assert "old" not in text and "| banking77.csv | csv: question and answer |" in text
    assert text.startswith("Before\n") and text.endswith("After\n")
    with pytest.raises(SystemExit):
        table.main([str(tmp_path / "nothing")])
    assert "is no folder" in capsys.readouterr().err
