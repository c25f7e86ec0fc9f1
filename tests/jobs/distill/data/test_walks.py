"""Texts made to be slow: readers go through a file once, however it is written."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from jobs.distill.data.cell_text import number
from jobs.distill.data.options import Options
from jobs.distill.data.scan import scan

TURN = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyes<|im_end|>\n\n"


@pytest.mark.parametrize(
    ("name", "text", "counts"),
    [
        ("x.json", "[" + "1" * 2_000_000 + "]", (1, 0)),
        ("x.json", '[{"text": "a",' + " " * 2_000_000 + '"label": "b"}]', (1, 1)),
        ("x.txt", TURN + "<|im_start|>user\n" * 40_000, (2, 1)),
        ("x.txt", TURN * 15_000, (15_000, 15_000)),
        ("x.txt", TURN + "<|im_end|>" * 60_000, (2, 1)),
    ],
    ids=["digits", "spaces", "turns without end", "many turns", "ends without turn"],
)
def test_a_file_is_walked_through_once(tmp_path: Path, name: str, text: str, counts: tuple[int, int]) -> None:
    path = tmp_path / "upload"
    path.write_text(text, encoding="utf-8")
    began = time.process_time()
    found = scan(path, name, None, Options(accepted=("bad_rows",)))
    assert time.process_time() - began < 8
    assert (found.counts.get("read"), found.counts.get("rows")) == counts, found.problems


def test_a_turn_that_never_closes_is_no_part_of_the_next(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    text = "\n\n<|im_start|>user\nlost\n\n" + TURN + "between\n" + TURN + "<|im_end|>"
    path.write_text(text, encoding="utf-8")
    found = scan(path, "x.txt", None, Options(accepted=("bad_rows",)))
    assert [(r["line"], r["messages"][0]["content"], r["answer"]) for r in found.rows] == [(6, "hi", "yes"), (12, "hi", "yes")]  # fmt: skip
    assert [(r.line, r.reason) for r in found.refused] == [
        (1, "text outside a turn: '<|im_start|>user\\nlost'"),
        (11, "text outside a turn: 'between'"),
        (17, "a turn that does not close: '<|im_end|>'"),
    ]


def test_a_number_format_that_no_spreadsheet_wrote_is_left_alone() -> None:
    assert str(number(1.5, "0." + "0" * 250)) == "1.5" + "0" * 249
    assert str(number(1.5, "0." + "0" * 5_000_000)) == "1.5"


def test_an_answer_of_empty_lines_is_looked_through_once(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text(json.dumps([{"question": f"q{i}", "answer": "\n" * 500_000 + "a"} for i in range(2)]), "utf-8")
    began = time.process_time()
    assert scan(path, "x.json").counts["rows"] == 2 and time.process_time() - began < 4
