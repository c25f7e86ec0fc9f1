"""Which rows of two versions are the same, changed, added or removed, and what is marked in them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.distill.data.transforms.diff import marked
from jobs.distill.data.transforms.look import page

from .making import row, version


def compared(folder: Path, old: list[dict[str, Any]], new: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return page({"old": str(version(folder, old, "old")), "new": str(version(folder, new, "new")), **more})


OLD = [
    row("Where is my card?", "lost", 1, source_id="a"),
    row("Can I pay abroad?", "abroad", 2),
    row("Gone", "x", 3),
    row("Same", "s", 4, "train"),
]
NEW = [
    row("Can I pay in Peru?", "abroad", 2),
    row("Another text by id", "lost", 9, source_id="a"),
    row("New", "n", 3),
    row("Same", "s", 4, "heldout"),
]


def test_rows_are_paired_by_id_column_line_and_question(tmp_path: Path) -> None:
    found = compared(tmp_path, OLD, NEW)
    assert found["counts"] == {"changed": 3, "added": 1, "removed": 1, "same": 0}
    assert [(r["kind"], r["old_row"], r["new_row"]) for r in found["rows"]] == [
        ("changed", 2, 1), ("changed", 1, 2), ("changed", 4, 4), ("added", None, 3), ("removed", 3, None)
    ]  # fmt: skip
    assert found["rows"][0]["parts"] == [
        {"name": "user", "marks": [["same", "Can I pay "], ["old", "abroad"], ["new", "in Peru"], ["same", "?"]]}
    ]
    assert found["rows"][2]["parts"] == [{"name": "split", "marks": [["old", "training"], ["new", "held out"]]}]


def test_lines_of_one_file_pair_rows_whatever_they_say(tmp_path: Path) -> None:
    found = compared(tmp_path, [row("Gone", "x", 3)], [row("New", "n", 3)], same_file=True)
    assert found["counts"] == {"changed": 1, "added": 0, "removed": 0, "same": 0}


def test_copies_are_told_apart(tmp_path: Path) -> None:
    found = compared(tmp_path, [row("a", "x", i) for i in range(3)], [row("a", "x", i) for i in range(2)])
    assert found["counts"] == {"changed": 0, "added": 0, "removed": 1, "same": 2}


def test_it_is_filtered_by_kind_and_text_and_shown_in_pages(tmp_path: Path) -> None:
    new = [row(f"new {i}", "n", 100 + i) for i in range(30)]
    found = compared(tmp_path, OLD, [*OLD, *new], kind="added", offset=20, limit=20)
    assert (found["matching"], len(found["rows"])) == (30, 10)
    only = compared(tmp_path, OLD, [*OLD, *new], query="NEW 7")
    assert [r["new_row"] for r in only["rows"]] == [12] and only["searched"] == 30
    assert compared(tmp_path, OLD, OLD, kind="same")["matching"] == 4


@settings(max_examples=80, deadline=None)
@given(st.text("ab ,é\n", max_size=30), st.text("ab ,é\n", max_size=30))
def test_marks_give_both_texts_back(old: str, new: str) -> None:
    marks = marked(old, new)
    assert "".join(t for k, t in marks if k != "new") == old
    assert "".join(t for k, t in marks if k != "old") == new


@pytest.mark.parametrize("other", ["word " * 5000 + "end", "end " * 5000, ""])
def test_long_texts_are_marked_in_little_time(other: str) -> None:
    text, started = "word " * 5000, time.process_time()
    marks = marked(text, other)
    assert time.process_time() - started < 1
    assert "".join(t for k, t in marks if k != "new") == text and "".join(t for k, t in marks if k != "old") == other
