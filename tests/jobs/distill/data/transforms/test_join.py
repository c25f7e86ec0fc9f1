"""Rows of another version below these or beside them, and the file read again with other roles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.distill.data.load import read_any
from jobs.distill.data.transforms import SourceFile
from jobs.distill.data.transforms.texts import fields_of
from jobs.distill.errors import DataRefused, DatasetChanged

from .making import done, row, version

HERE = [row("a", "yes", 1, source_id="1"), row("b", None, 2, source_id="2"), row("c", "no", 3)]
THERE = [
    row("A", "because a", 1, source_id="1", weight=2),
    row("bb", "because b", 2, source_id="2"),
    row("z", "zz", 3, source_id="9"),
]


def joined(folder: Path, **step: Any) -> Any:
    other = version(folder, THERE, "other")
    return done(folder, HERE, {"kind": "join", "dataset": "more", "version": 2, **step}, versions={"more@2": other})


def test_its_rows_come_below_and_each_is_listed(tmp_path: Path) -> None:
    made = joined(tmp_path)
    assert made.asked == ["a", "b", "c", "A", "bb", "z"]
    assert made.reasons("added") == [f"row {i} of more version 2" for i in (1, 2, 3)]


def test_copies_that_come_in_get_ids_of_their_own(tmp_path: Path) -> None:
    other = version(tmp_path, HERE, "same")
    made = done(tmp_path, HERE, {"kind": "join", "dataset": "more"}, versions={"more@1": other})
    assert len({r["row_id"] for r in made.rows}) == 6 and made.rows[3]["row_id"].endswith(".2")
    assert "3 added rows are copies" in made.logs[0].notes[0]


def test_matching_rows_give_columns(tmp_path: Path) -> None:
    made = joined(tmp_path, how="by_id", take=["answer=rationale", "weight", "answer"])
    assert [fields_of(r) for r in made.rows] == [
        {"rationale": "because a", "weight": 2},
        {"rationale": "because b"},
        {},
    ]
    assert [r["answer"] for r in made.rows] == ["yes", "because b", "no"]  # what a row has stays
    assert made.logs[0].notes == ["2 rows of 3 found a match; 1 row of the other version matched none."]
    other = joined(tmp_path, how="by_id", take=["answer"], existing="replace", on="question")
    assert [r["answer"] for r in other.rows] == ["because a", None, "no"]


def test_a_rejected_answer_makes_a_pair(tmp_path: Path) -> None:
    made = joined(tmp_path, how="by_id", take=["answer=rejected"])
    assert fields_of(made.rows[0]) == {"rejected": "because a", "chosen": "yes"}


def test_other_rows_than_the_pinned_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetChanged, match="0000000000"):
        joined(tmp_path, sha256="0" * 64)
    with pytest.raises(DataRefused, match="cannot be taken"):
        joined(tmp_path, how="by_id", take=["colour"])


CSV = "text,label,why,other\nI lost my card,lost,it is gone,x\nWhen?,arrival,it waits,\nCan I?,,no,y\n"


def test_the_kept_file_is_read_with_other_roles(tmp_path: Path) -> None:
    file = tmp_path / "as it came"
    file.write_text(CSV)
    (tmp_path / "cards.csv").write_text(CSV)
    rows = read_any(tmp_path / "cards.csv", {"user": "text", "assistant": "label"})
    source = SourceFile(file, "cards.csv", {"user": "text", "assistant": "label"}, {})
    roles = {"user": "text", "assistant": "label", "rationale": "why"}
    made = done(tmp_path, rows, {"kind": "map_roles", "roles": roles}, source=source)
    assert [fields_of(r)["rationale"] for r in made.rows] == ["it is gone", "it waits", "no"]
    assert made.reasons("changed") == ["read with other roles"] * 3
    less = done(tmp_path, rows, {"kind": "map_roles", "roles": {"user": "other", "assistant": "label"}}, source=source)
    assert less.asked == ["x", "y"] and less.logs[0].counts == {"dropped": 1, "changed": 2}
    assert "the user's text is empty" in less.reasons("dropped")[0]


def test_roles_need_a_file_and_columns_that_exist(tmp_path: Path) -> None:
    step = {"kind": "map_roles", "roles": {"user": "text", "assistant": "nothing"}}
    with pytest.raises(DataRefused, match="no file of its own"):
        done(tmp_path, HERE, step)
    file = tmp_path / "as it came"
    file.write_text(CSV)
    with pytest.raises(DataRefused, match=r"Step 1 \(Map columns again\), Roles: .*nothing"):
        done(tmp_path, HERE, step, source=SourceFile(file, "cards.csv", {}, {}))
