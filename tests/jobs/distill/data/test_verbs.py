"""The verbs of the engine child, in real run folders."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jobs.distill.data import verbs
from jobs.distill.data.load import load_rows, read_any
from jobs.distill.errors import DataRefused
from jobs.distill.events import Events, read
from jobs.distill.plan.facts import DataFacts

ROOT = Path(__file__).parents[4]
BANKING77 = ROOT / "jobs" / "samples" / "data" / "banking77" / "train.csv.gz"
HOSTILE = ROOT / "tests" / "data" / "hostile"


def folder_with(folder: Path, data: bytes, **params: Any) -> Path:
    (folder / "input").mkdir(parents=True)
    (folder / "input" / "raw").write_bytes(data)
    (folder / "params.json").write_text(json.dumps(params))
    return folder


def run(folder: Path) -> dict[str, Any]:
    return verbs.import_dataset(folder, Events(folder))


def test_it_imports_banking77_with_every_row_and_its_line(tmp_path: Path) -> None:
    report = run(folder_with(tmp_path, gzip.decompress(BANKING77.read_bytes()), filename="train.csv"))
    rows = load_rows(tmp_path / "rows.parquet")
    assert report["counts"]["rows"] == len(rows) == 10003 and report["counts"]["refused"] == 0
    assert len({r["row_id"] for r in rows}) == 10003 and len({r["answer"] for r in rows}) == 77
    assert rows[0] == {
        "row_id": rows[0]["row_id"],
        "messages": [{"role": "user", "content": "I am still waiting on my card?"}],
        "answer": "card_arrival",
        "split": None,
        "line": 2,
        "source_id": None,
        "fields": None,
    }
    assert any("\n" in r["messages"][0]["content"] for r in rows), "cells with line breaks stay whole"
    assert rows[-1]["line"] > 10004, "lines of the file, not numbers of rows"
    assert report["sha256"] == verbs.file_sha256(tmp_path / "rows.parquet")
    assert json.loads((tmp_path / "report.json").read_text()) == report


def test_it_gives_the_same_bytes_again(tmp_path: Path) -> None:
    data = gzip.decompress(BANKING77.read_bytes())
    hashes = {run(folder_with(tmp_path / str(i), data, filename="train.csv"))["sha256"] for i in range(2)}
    assert len(hashes) == 1


def test_it_leaves_no_rows_behind_when_it_refuses(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, (HOSTILE / "12_ragged.csv").read_bytes(), filename="x.csv")
    with pytest.raises(DataRefused, match="2 rows of 4 cannot be imported") as e:
        run(folder)
    assert e.value.hint and not (folder / "rows.parquet").exists() and not list(folder.glob("*.part"))
    assert json.loads((folder / "report.json").read_text())["outcome"] == "refuse"
    assert [json.loads(line)["line"] for line in (folder / "refused.jsonl").open()] == [3, 4]


def test_it_refuses_a_warning_that_nobody_confirmed(tmp_path: Path) -> None:
    data = (HOSTILE / "06_windows1252.csv").read_bytes()
    with pytest.raises(DataRefused, match="read as Windows-1252"):
        run(folder_with(tmp_path / "a", data, filename="x.csv"))
    report = run(folder_with(tmp_path / "b", data, filename="x.csv", options={"accepted": ["encoding"]}))
    assert report["outcome"] == "accept" and report["mapping"]["encoding"] == "Windows-1252"
    assert load_rows(tmp_path / "b" / "rows.parquet")[0]["messages"][0]["content"] == "it’s “quoted” – price 5 €"


def test_it_numbers_copies_so_that_ids_stay_unique(tmp_path: Path) -> None:
    run(
        folder_with(
            tmp_path, b"text,label\na,x\na,x\nb,y\na,x\n", filename="x.csv", options={"accepted": ["duplicates"]}
        )
    )
    ids = [r["row_id"] for r in load_rows(tmp_path / "rows.parquet")]
    assert len(set(ids)) == 4 and ids[1] == ids[0] + ".2" and ids[3] == ids[0] + ".3"


def test_it_takes_splits_context_and_ids_from_their_columns(tmp_path: Path) -> None:
    data = b"nr,body,ask,reply,part\n7,Two apples.,How many?,2,train\n8,Three.,How many?,3,test\n"
    run(
        folder_with(
            tmp_path,
            data,
            filename="x.csv",
            roles={"user": "body", "context": "ask", "assistant": "reply", "split": "part", "id": "nr"},
        )
    )
    first, second = load_rows(tmp_path / "rows.parquet")
    assert first["messages"][0]["content"] == "Two apples.\n\nHow many?" and first["source_id"] == "7"
    assert (first["split"], second["split"]) == ("train", "heldout")


@pytest.mark.parametrize(("roles", "said"), [
    ({"user": "txt"}, 'Did you mean "text"'), ({"usr": "text"}, 'Did you mean "user"'), ({"assistant": "label"}, "No column is the user"), ({"user": "text", "assistant": "text"}, "two roles"),
])  # fmt: skip
def test_it_names_impossible_roles(tmp_path: Path, roles: dict[str, str], said: str) -> None:
    with pytest.raises(DataRefused) as e:
        run(folder_with(tmp_path, b"text,label\na,x\nb,y\n", filename="x.csv", roles=roles))
    assert said in f"{e.value.message} {e.value.hint}"


def test_it_tells_its_progress(tmp_path: Path) -> None:
    run(
        folder_with(
            tmp_path,
            b"text,label\n" + b"".join(b"question %d,x%d\n" % (i, i % 7) for i in range(3000)),
            filename="x.csv",
        )
    )
    done = [e["done"] for e in read(tmp_path / "events.jsonl") if e["type"] == "progress"]
    assert done == sorted(done) and done[-1] == 3000 and len(done) >= 3


def test_it_measures_what_the_plan_needs(tmp_path: Path, model_folder: Path) -> None:
    (tmp_path / "data").mkdir()
    run(
        folder_with(
            tmp_path,
            b"text,label\n"
            + b"".join(
                b"When does my card %d arrive?,%s\n" % (i, [b"card arrival", b"", b"lost card"][i % 3])
                for i in range(300)
            ),
            filename="x.csv",
        )
    )
    shutil.copy(tmp_path / "rows.parquet", tmp_path / "data" / "rows.parquet")
    (tmp_path / "params.json").write_text(
        json.dumps({"tokenizers": [{"folder": str(model_folder), "vocab_sha256": "v", "title": "Tiny", "context": 20}]})
    )
    report = verbs.profile_dataset(tmp_path, Events(tmp_path))
    facts, tokens = DataFacts.model_validate(report["facts"]), report["profile"]["tokens"]["v"]
    assert (facts.rows, facts.labelled, facts.unlabelled, facts.distinct_answers) == (300, 200, 100, 2)
    assert facts.train + facts.heldout == 300 and 5 < facts.heldout < 40
    assert len(facts.prompt_lengths["v"]) == len(facts.answer_lengths["v"]) == 300
    assert all((length == 0) == (i % 3 == 1) for i, length in enumerate(facts.answer_lengths["v"])), (
        "0 where unlabelled"
    )
    assert tokens["over_context"] == sum(
        p + a > 20 for p, a in zip(facts.prompt_lengths["v"], facts.answer_lengths["v"], strict=True)
    )
    assert sum(n for _, _, n in tokens["histogram"]) == 300
    assert report["profile"]["labels"] == [["card arrival", 100], ["lost card", 100]]


def test_it_says_how_many_rows_would_train_on_nothing(tmp_path: Path, model_folder: Path) -> None:
    """Hostile file 39: the prompt alone fills the context."""
    (tmp_path / "data").mkdir()
    run(
        folder_with(
            tmp_path,
            (HOSTILE / "39_answer_past_context.jsonl").read_bytes(),
            filename="x.jsonl",
            options={"accepted": ["very_long", "duplicates"]},
        )
    )
    shutil.copy(tmp_path / "rows.parquet", tmp_path / "data" / "rows.parquet")
    (tmp_path / "params.json").write_text(
        json.dumps({"tokenizers": [{"folder": str(model_folder), "vocab_sha256": "v", "context": 1024}]})
    )
    assert verbs.profile_dataset(tmp_path, Events(tmp_path))["profile"]["tokens"]["v"]["nothing_left"] == 4


def test_it_reads_files_of_a_hand_run_recipe(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("text;label\na;x\nb;\n")
    rows = read_any(tmp_path / "x.csv")
    assert [(r["messages"][0]["content"], r["answer"]) for r in rows] == [("a", "x"), ("b", None)]
    with pytest.raises(DataRefused, match="there is no file"):
        read_any(tmp_path / "y.csv")
    with pytest.raises(DataRefused, match="1 row of 2 cannot be imported"):
        (tmp_path / "z.csv").write_text("text,label\na,x\nb\n")
        read_any(tmp_path / "z.csv")


def test_it_reads_the_sample_of_the_product(tmp_path: Path) -> None:
    csv_rows, parquet_rows = (
        read_any(ROOT / "jobs" / "samples" / "data" / f"banking77-sample.{ext}") for ext in ("csv", "parquet")
    )
    assert len(csv_rows) == len(parquet_rows) == 7329
    assert [(r["messages"], r["answer"] or None, r["split"]) for r in csv_rows] == [
        (r["messages"], r["answer"] or None, r["split"]) for r in parquet_rows
    ]


def test_it_keeps_the_task_and_its_instruction_with_the_version(tmp_path: Path) -> None:
    options = {"task": "classification", "instruction": "One of:\n{{labels}}", "place": "user"}
    report = run(folder_with(tmp_path, b"text,label\na,x\nb,y\nc,x\nd,y\n", filename="x.csv", options=options))
    assert report["mapping"]["task"]["metric"] == "exact_match" and report["mapping"]["options"] == options
    assert load_rows(tmp_path / "rows.parquet")[0]["messages"] == [{"role": "user", "content": "One of:\nx\ny\n\na"}]


def test_large_rows_are_written_in_groups_that_fit_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jobs.distill.data import load

    monkeypatch.setattr(load, "GROUP_CHARS", 100)
    run(
        folder_with(
            tmp_path,
            b"text,label\n" + b"".join(b"%d %s,%c\n" % (i, b"a" * 60, b"xy"[i % 2]) for i in range(6)),
            filename="x.csv",
        )
    )
    assert pq.ParquetFile(tmp_path / "rows.parquet").num_row_groups == 3
