"""Painted spans on the way in: checked against the answer they belong to, refused with the row and the words why."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.data.load import RowsWriter, read_any
from jobs.distill.data.paint import read_spans
from jobs.distill.data.rows import Row
from jobs.distill.data.scan import scan
from jobs.distill.errors import DataRefused
from jobs.distill.rows import read_rows

ANSWER = "card lost"


def test_spans_come_as_a_list_or_its_text_and_stand_in_order() -> None:
    wanted = [(0, 4, 0.0), (5, 9, 2.0)]
    assert read_spans([[5, 9, 2], [0, 4, 0]], ANSWER) == wanted
    assert read_spans("[[0, 4, 0], [5, 9, 2]]", ANSWER) == wanted
    assert read_spans([{"start": 0, "end": 4}, {"start": 5, "end": 9, "weight": 2}], ANSWER) == wanted
    assert read_spans("", ANSWER) is None and read_spans([], ANSWER) is None


@pytest.mark.parametrize(("value", "words"), [
    ([[0, 10, 0]], "painted span 1 ends at character 10, the answer has 9"),
    ([[0, 5, 0], [4, 9, 2]], "painted spans overlap: 0 to 5 and 4 to 9"),
    ([[0, 3, 0], [4, 4, 0]], "painted span 2 goes from character 4 to 4: nothing"),
    ([[0, 3]], "painted span 1 is a list, not three numbers"),
    ([[-1, 3, 0]], "the start of painted span 1 is -1"),
    ([[0, 3.5, 0]], "the end of painted span 1 is 3.5"),
    ([[0, 3, -1]], "the weight of painted span 1 is -1"),
    ([[0, 3, 1e9]], "the weight of painted span 1 is 1000000000.0"),
    ([[0, 3, "much"]], 'the weight of painted span 1 is "much"'),
    ([[0, True, 0]], "the end of painted span 1 is"),
    ("red", 'the painted spans are the text "red", not a list'),
    ({"a": 1}, "the painted spans are an object, not a list"),
    ([[0, 1, 0]] * 1001, "1,001 painted spans"),
])  # fmt: skip
def test_it_refuses_spans_that_fit_no_answer(tmp_path: Path, value: Any, words: str) -> None:
    file = tmp_path / "x.jsonl"
    good = {"question": "q", "answer": ANSWER, "paint": [[0, 1, 0]]}
    file.write_text("\n".join(map(json.dumps, (good, {**good, "paint": value}))))
    found = scan(file, "x.jsonl", {"user": "question", "assistant": "answer", "paint": "paint"})
    assert found.outcome == "refuse" and words in found.problems[0].message and "line 2" in found.problems[0].message


def test_a_row_without_an_answer_cannot_be_painted(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(
        json.dumps({"question": "q", "answer": "a"})
        + "\n"
        + json.dumps({"question": "r", "answer": "", "paint": [[0, 1, 0]]})
    )
    found = scan(file, "x.jsonl", {"user": "question", "assistant": "answer", "paint": "paint"})
    assert "the row has no answer" in found.problems[0].message


def test_the_column_is_found_by_its_name_in_a_spreadsheet(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([["text", "label", "paint"], ["q", ANSWER, "[[0, 4, 0]]"], ["r", "refund", ""]])
    first, second = read_any(file)
    assert json.loads(first["fields"]) == {"paint": [[0, 4, 0.0]]} and second["fields"] is None


def test_labels_written_in_other_words_are_not_painted(tmp_path: Path) -> None:
    from jobs.distill.data.options import Options

    file = tmp_path / "x.jsonl"
    file.write_text(json.dumps({"text": "q", "label": "Card_lost", "paint": [[0, 4, 0]]}))
    found = scan(file, "x.jsonl", {"user": "text", "assistant": "label", "paint": "paint"}, Options(labels="words"))
    assert "written in other words" in found.problems[0].message


def test_the_engine_reads_what_was_imported_and_refuses_what_does_not_fit(tmp_path: Path) -> None:
    def written(name: str, spans: Any) -> Path:
        writer = RowsWriter(tmp_path / name)
        writer.add(Row("r1", [{"role": "user", "content": "q"}], "añb", "train", 1, fields={"paint": spans}))
        writer.close()
        return tmp_path / name

    (row,) = read_rows(written("good.parquet", [[1, 2, 0]]))
    assert row.spans == ((1, 2, 0.0),)
    with pytest.raises(DataRefused, match="Row r1: painted span 1 ends at character 4, the answer has 3"):
        read_rows(written("bad.parquet", [[1, 4, 0]]))
