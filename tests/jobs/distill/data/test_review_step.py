"""What reviewers decided, as a step: kept, changed, painted, rejected with the reason, and the others left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.data.load import RowsWriter, load_rows
from jobs.distill.data.rows import Row
from jobs.distill.data.split import row_id_of
from jobs.distill.data.transforms import Context, parse_steps
from jobs.distill.data.transforms.make import make
from jobs.distill.errors import DataRefused

TEXTS = [
    ("lost it", "card lost"),
    ("give back", "refund"),
    ("rate?", "exchange rate"),
    ("top", "top up"),
    ("again", "top up"),
]


def turns(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    writer = RowsWriter(tmp_path / "rows.parquet")
    for n, (text, answer) in enumerate(TEXTS, 1):
        fields = {"paint": [[0, 4, 0.0]]} if n == 4 else {}
        writer.add(Row(row_id_of(turns(text), answer), turns(text), answer, "train", n, fields=fields))
    writer.close()
    return tmp_path / "rows.parquet"


def decided(place: int, verdict: str, **more: Any) -> dict[str, Any]:
    text, answer = TEXTS[place - 1]
    return {
        "place": place,
        "row_id": row_id_of(turns(text), answer),
        "verdict": verdict,
        "by": "alice@example.org",
        **more,
    }


def made(
    source: Path, folder: Path, decisions: list[dict[str, Any]], **more: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    (folder / "out").mkdir()
    step = {"kind": "review", "decisions": decisions, **more}
    make(source, parse_steps([step]), Context(folder), folder / "out")
    return load_rows(folder / "out" / "rows.parquet"), [
        json.loads(x) for x in (folder / "out" / "changes.jsonl").read_text().splitlines()
    ]


def test_it_does_to_each_row_what_was_decided(source: Path, tmp_path: Path) -> None:
    rows, changes = made(source, tmp_path, [
        decided(1, "paint", paint=[[0, 4, 0], [5, 9, 2]]), decided(2, "reject", reason="off topic"), decided(3, "accept"),
        decided(4, "edit", messages=turns("top up please"), answer="top up now", paint=[[0, 3, 2]]),
    ])  # fmt: skip
    assert [r["answer"] for r in rows] == ["card lost", "exchange rate", "top up now", "top up"]
    assert json.loads(rows[0]["fields"]) == {"paint": [[0, 4, 0.0], [5, 9, 2.0]]}
    assert (
        json.loads(rows[2]["fields"]) == {"paint": [[0, 3, 2.0]]}
        and rows[2]["messages"][0]["content"] == "top up please"
    )
    assert rows[2]["row_id"] == row_id_of(turns("top up please"), "top up now")
    assert {(c["row"], c["what"], c["reason"]) for c in changes} == {
        (1, "changed", "painted by alice@example.org"), (2, "dropped", "rejected by alice@example.org: off topic"),
        (4, "changed", "edited by alice@example.org"),
    }  # fmt: skip


def test_rows_nobody_decided_may_be_dropped(source: Path, tmp_path: Path) -> None:
    rows, changes = made(source, tmp_path, [decided(3, "accept")], unreviewed="drop")
    assert [r["answer"] for r in rows] == ["exchange rate"] and {c["reason"] for c in changes} == {"nobody decided it"}


def test_decisions_about_another_version_are_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"row 1 has id .*, reviewed was other"):
        made(source, tmp_path, [{**decided(1, "reject"), "row_id": "other"}])


def test_spans_that_do_not_fit_are_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="row 1: painted span 1 ends at character 99, the answer has 9"):
        made(source, tmp_path, [decided(1, "paint", paint=[[0, 99, 0]])])
