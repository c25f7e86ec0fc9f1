"""Which rows stay, come twice, or stand on which side: duplicates, samples, balance, splits."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.data.split import assign_splits
from jobs.distill.data.transforms import parse_steps
from jobs.distill.errors import DataRefused

from .making import done, row


def many(n: int = 60, **fields: Any) -> list[dict[str, Any]]:
    return [row(f"question number {i} about cards", "abc"[i % 3] if i % 10 else "rare", i, **fields) for i in range(n)]


def test_drop_takes_ids_and_notes_those_that_are_not_there(tmp_path: Path) -> None:
    rows = many(5)
    made = done(tmp_path, rows, {"kind": "drop", "row_ids": [rows[2]["row_id"], "f" * 24], "reason": "spam"})
    assert [r["line"] for r in made.rows] == [0, 1, 3, 4] and made.reasons("dropped") == ["spam"]
    assert "1 id is not among these rows" in made.logs[0].notes[0]


@pytest.mark.parametrize(("step", "left"), [
    ({"same": "row"}, [1, 3, 4, 5]), ({"same": "prompt"}, [1, 4, 5]), ({"same": "prompt", "keep": "labelled"}, [3, 4, 5]), ({"same": "near"}, [1, 4]),
    ({"same": "near", "keep": "heldout"}, [1, 5]),
])  # fmt: skip
def test_deduplicate_keeps_one_and_names_it(tmp_path: Path, step: dict[str, Any], left: list[int]) -> None:
    rows = [
        row("I lost my card", None, 1), row("I lost my card", None, 2), row("i lost  my CARD", "lost", 3),
        row("How long does a new card take to arrive at my address?", "a", 4), row("How long does a new card take to arrive at my adress?", "a", 5, "heldout"),
    ]  # fmt: skip
    made = done(tmp_path, rows, {"kind": "deduplicate", **step})
    assert [r["line"] for r in made.rows] == left
    assert all("copy of row " in reason for reason in made.reasons("dropped"))


def test_sample_takes_the_same_rows_whatever_their_order(tmp_path: Path) -> None:
    rows, step = many(), {"kind": "sample", "rows_kept": 20, "seed": 3}
    one, other = done(tmp_path, rows, step), done(tmp_path, rows[::-1], step)
    assert len(one.rows) == 20 and {r["row_id"] for r in one.rows} == {r["row_id"] for r in other.rows}
    assert {r["row_id"] for r in done(tmp_path, rows, {**step, "seed": 4}).rows} != {r["row_id"] for r in one.rows}


def test_sample_keeps_the_shares_of_the_labels(tmp_path: Path) -> None:
    kept = Counter(r["answer"] for r in done(tmp_path, many(), {"kind": "sample", "share": 0.5}).rows)
    assert kept == {"a": 9, "b": 9, "c": 9, "rare": 3}


def test_sample_leaves_other_rows_alone(tmp_path: Path) -> None:
    rows = [{**r, "split": "heldout" if i < 10 else "train"} for i, r in enumerate(many())]
    made = done(tmp_path, rows, {"kind": "sample", "rows_kept": 5, "of": "train"})
    assert Counter(r["split"] for r in made.rows) == {"heldout": 10, "train": 5}


def test_balance_drops_down_to_the_smallest(tmp_path: Path) -> None:
    made = done(tmp_path, many(), {"kind": "balance"})
    assert Counter(r["answer"] for r in made.rows) == dict.fromkeys(["a", "b", "c", "rare"], 6)
    assert made.logs[0].notes == ["Drops 36 rows, 60% of those it is about."]


def test_balance_repeats_with_its_cost_and_leaves_held_out_rows_alone(tmp_path: Path) -> None:
    rows = [{**r, "split": "heldout" if i < 10 else "train"} for i, r in enumerate(many())]
    made = done(tmp_path, rows, {"kind": "balance", "how": "repeat", "rows_each": 20})
    train = Counter(r["answer"] for r in made.rows if r["split"] == "train")
    assert train == dict.fromkeys(["a", "b", "c", "rare"], 20)
    assert sum(r["split"] == "heldout" for r in made.rows) == 10
    assert "Adds 30 rows, 60% more to train on in every epoch." in made.logs[0].notes
    assert made.reasons("added")[0].startswith("repeat 2 of row ")


def test_balance_says_that_nothing_can_be_balanced(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"Step 1 \(Balance\), For each: No row has a domain"):
        done(tmp_path, many(), {"kind": "balance", "by": "domain"})


def test_split_holds_out_what_a_run_would_hold_out(tmp_path: Path) -> None:
    rows = [*many(200), row("question number 3 about cards", None, 900), row("no answer", None, 901)]
    made = done(tmp_path, rows, {"kind": "split", "heldout": 0.2})
    assert [r["split"] for r in made.rows] == assign_splits(rows, 0.2)


def test_split_agrees_with_a_run_about_groups(tmp_path: Path) -> None:
    rows = [row(f"question {i}", "x", i, group=f"document {i // 5}") for i in range(200)]
    made = done(tmp_path, rows, {"kind": "split", "heldout": 0.3})
    assert [r["split"] for r in made.rows] == assign_splits(rows, 0.3)
    other = done(tmp_path, rows, {"kind": "split", "heldout": 0.3, "seed": 1})
    assert [r["split"] for r in other.rows] != [r["split"] for r in made.rows]


def test_a_split_stays_frozen_when_a_run_starts(tmp_path: Path) -> None:
    made = done(tmp_path, many(), {"kind": "split", "heldout": 0.5, "seed": 7})
    assert assign_splits(made.rows, 0.1) == [r["split"] for r in made.rows]


def test_split_keeps_near_copies_together(tmp_path: Path) -> None:
    rows = []
    for i in range(80):
        text = f"How long does delivery number {i * 7919} take to arrive at my home address in town {i * 104729}?"
        rows += [row(text, "a", 2 * i), row(text.replace("address", "adress"), "b", 2 * i + 1)]
    made = done(tmp_path, rows, {"kind": "split", "heldout": 0.4, "near": True})
    assert all(made.rows[i]["split"] == made.rows[i + 1]["split"] for i in range(0, 160, 2))


def test_split_can_leave_what_the_file_says(tmp_path: Path) -> None:
    rows = [row("a", "x", 1, "train"), row("b", "x", 2, "heldout"), *many(40)]
    made = done(tmp_path, rows, {"kind": "split", "heldout": 0.5, "existing": "keep"})
    assert [r["split"] for r in made.rows[:2]] == ["train", "heldout"]
    assert all(c.before and c.before["line"] not in (1, 2) or c.before["split"] is None for c in made.changes)


def test_a_sample_needs_a_number_or_a_share() -> None:
    for given in ({}, {"share": 0.5, "rows_kept": 3}):
        with pytest.raises(DataRefused, match="one of the two"):
            parse_steps([{"kind": "sample", **given}])
