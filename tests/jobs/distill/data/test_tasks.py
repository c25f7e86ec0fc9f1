"""Templates of tasks: chosen from the rows, applied only on request, with variables that are checked."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.data.findings import Findings
from jobs.distill.data.options import Options
from jobs.distill.data.rows import Row
from jobs.distill.data.scan import scan
from jobs.distill.data.tasks import TEMPLATES, Instruction, InstructionWrong
from jobs.distill.recipe import Evaluation


def read(
    folder: Path, rows: list[dict[str, Any]], roles: dict[str, str] | None = None, **options: Any
) -> tuple[Findings, list[Row]]:
    path = folder / "x.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    good: list[Row] = []
    return scan(path, path.name, roles, Options(**options), good=good.append), good


LABELS = [{"text": f"text {i}", "label": ["card_lost", "top_up"][i % 2]} for i in range(8)]
CASES = {
    "classification": LABELS,
    "extraction": [{"text": f"at {i}", "intents": ["when"], "slots": {"time": i}} for i in range(4)],
    "question_answer": [{"question": f"What is {w}?", "answer": f"It is a kind of {w} thing."} for w in "abcd"],
    "summary": [{"article": f"Long {w} text", "summary": f"Short {w}"} for w in "abcd"],
    "translation": [{"de": f"Wort {w}", "en": f"word {w}"} for w in "abcd"],
    "code": [{"prompt": f"Write {w}", "completion": f"def {w}():\n    return 1"} for w in "abcd"],
    "reasoning": [{"question": f"{i} + 1?", "answer": f"Add one.\n#### {i + 1}"} for i in range(6)],
    "chat": [
        {"messages": [{"role": r, "content": f"{r} {i}"} for r in ("user", "assistant") * 2]} for i in range(4)
    ],
}  # fmt: skip


@pytest.mark.parametrize("key", CASES)
def test_it_finds_the_task_and_leaves_the_rows_alone(key: str, tmp_path: Path) -> None:
    found, rows = read(tmp_path, CASES[key])
    assert found.template["key"] == key and found.template["why"]
    assert len(rows) == len(CASES[key]) and not found.refused
    assert all(m["role"] != "system" for r in rows for m in r.messages)


def test_every_template_proposes_a_metric_that_a_recipe_knows() -> None:
    for task in TEMPLATES.values():
        Evaluation(metric=task.metric)  # type: ignore[arg-type]
        Options(task=task.key, answer=task.answer)  # type: ignore[arg-type]


def test_it_lists_the_labels_in_the_instruction(tmp_path: Path) -> None:
    found, _ = read(tmp_path, LABELS)
    _, rows = read(tmp_path, LABELS, labels="words", instruction=found.template["instruction"])
    assert rows[0].messages[0] == {
        "role": "system",
        "content": "Classify the text. Answer with exactly one of these 2 labels and nothing else:\ncard lost\ntop up",
    }


def test_it_fills_in_columns_row_by_row_and_nothing_else(tmp_path: Path) -> None:
    data = [{"text": "{{labels}} {{lang}}", "label": "a", "lang": "de"}, {"text": "t", "label": "b", "lang": None}]
    _, rows = read(tmp_path, data, instruction="Language: {{ lang }}.", place="user")
    assert [r.messages for r in rows] == [
        [{"role": "user", "content": "Language: de.\n\n{{labels}} {{lang}}"}],
        [{"role": "user", "content": "Language: .\n\nt"}],
    ]


def test_a_label_is_never_read_as_a_variable() -> None:
    instruction = Instruction(
        "{{ labels }}\n{{text}}", ["text", "answer"], {"user": "text"}, ["{{text}}", "{{answer}}"]
    )
    assert instruction.of({"text": "{{labels}}", "answer": "secret"}) == "{{answer}}\n{{text}}\n{{labels}}"


def test_an_instruction_of_spaces_is_read_in_time() -> None:
    began = time.process_time()
    assert Instruction("{{" + " " * 19_000, ["text"], {}).of({}) == "{{" and time.process_time() - began < 1


def test_it_names_the_languages_of_the_columns(tmp_path: Path) -> None:
    found, _ = read(tmp_path, CASES["translation"])
    _, rows = read(tmp_path, CASES["translation"], instruction=found.template["instruction"])
    assert "from German to English" in rows[0].messages[0]["content"]


def test_a_system_text_of_the_row_stays_and_is_counted(tmp_path: Path) -> None:
    data = [{"system": "Mine.", "text": "a", "label": "x"}, {"system": "", "text": "b", "label": "y"}]
    found, rows = read(tmp_path, data, instruction="Yours.")
    assert [r.messages[0]["content"] for r in rows] == ["Mine.", "Yours."]
    assert next(p for p in found.problems if p.code == "own_system").count == 1


@pytest.mark.parametrize(
    "text, said, remedy",
    [
        ("{{lable}}", "no such variable or column", "Did you mean {{labels}}?"),
        ("{{labels}}", "no labels, or too many different answers", "Remove the variable."),
        ("{{fields}}", "no column is a field of the answer", "Choose the role Field"),
        ("To {{target_language}}", "is not named after a language", "Write the language"),
    ],
)
def test_it_says_which_variable_nothing_fills(text: str, said: str, remedy: str) -> None:
    with pytest.raises(InstructionWrong, match=said) as e:
        Instruction(text, ["text", "answer"], {"user": "text", "assistant": "answer"}, [])
    assert remedy in e.value.remedy


def test_a_wrong_variable_refuses_the_import_with_its_remedy(tmp_path: Path) -> None:
    found, rows = read(tmp_path, LABELS, instruction="Say {{tex}}.")
    assert (found.outcome, rows) == ("refuse", [])
    assert found.problems[0].remedy == "Did you mean {{text}}?"


def test_it_writes_fields_as_one_object_with_numbers_as_they_were() -> None:
    from jobs.distill.data.answering import as_json, fields_json
    from jobs.distill.data.strict_json import parse

    row = parse('{"a": [1.50, 12345678901234567890123], "b": {"ä": true}, "c": null, "d": ""}')
    assert fields_json(row, {"a": "a", "x": "c"}) == '{"a": [1.50, 12345678901234567890123], "x": null}'
    assert (as_json(row["b"]), fields_json(row, {"c": "c", "d": "d"})) == ('{"ä": true}', "")


def test_it_puts_the_steps_before_the_result(tmp_path: Path) -> None:
    data = [{"question": "1 + 1?", "rationale": "Two ones.", "answer": "2"}, {"question": "?", "answer": "3"}]
    found, rows = read(tmp_path, data, answer="reasoned")
    assert [r.answer for r in rows] == ["Two ones.\n\n2", "3"]
    assert found.template["metric"] == "numeric_match"
