"""Rows pass when they meet every condition; each dropped one says by which rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.distill.data.transforms import parse_steps
from jobs.distill.errors import DataRefused

from .making import done, row

ROWS = [
    row("Where is my card?", "arrival", 1, "train", domain="bank", source_id="a1"),
    row("Wo ist meine Karte? Ich habe sie nicht bekommen.", "arrival", 2, "heldout", rationale="It is late"),
    row("What is the rate of the euro?", None, 3, system="You are a bank."),
    row("Why?", "other", 4),
]


@pytest.mark.parametrize(("given", "left"), [
    ({"contains": "CARD"}, [1]), ({"contains": "CARD", "ignore_case": False}, []), ({"pattern": "^Wh(ere|y)"}, [1, 4]), ({"contains": "bank", "where": "system"}, [3]),
    ({"contains": "bank", "where": "question"}, []), ({"min_chars": 10, "max_chars": 30, "where": "question"}, [1, 3]), ({"labels": ["other"]}, [4]), ({"labelled": "no"}, [3]),
    ({"split": "none"}, [3, 4]), ({"split": "heldout"}, [2]), ({"domains": ["bank"]}, [1]), ({"languages": ["german"]}, [2]), ({"has": ["rationale"]}, [2]),
    ({"lacks": ["rationale", "source_id"]}, [3, 4]), ({"row_ids": [ROWS[3]["row_id"]]}, [4]), ({"action": "drop", "labelled": "yes", "split": "none"}, [1, 2, 3]),
])  # fmt: skip
def test_it_keeps_what_meets_the_condition(tmp_path: Path, given: dict[str, Any], left: list[int]) -> None:
    made = done(tmp_path, ROWS, {"kind": "filter", **given})
    assert [r["line"] for r in made.rows] == left
    assert len(made.reasons("dropped")) == len(ROWS) - len(left)


def test_it_counts_tokens_as_the_model_reads_them(tmp_path: Path, model_folder: Path) -> None:
    step = {"kind": "filter", "max_tokens": 24, "tokenizer": "tiny"}
    made = done(tmp_path, ROWS, step, tokenizers={"tiny": model_folder})
    assert [r["line"] for r in made.rows] == [1, 4] and "more than 24 tokens" in made.reasons("dropped")
    with pytest.raises(DataRefused, match="Step 1 .*There is no model tiny"):
        done(tmp_path, ROWS, step)


def test_it_says_every_rule_a_row_fails_and_counts_it_by_the_first(tmp_path: Path) -> None:
    made = done(tmp_path, ROWS, {"kind": "filter", "contains": "euro", "labelled": "yes"})
    assert made.reasons("dropped")[0] == "does not contain “euro”"
    assert "has no answer" in made.reasons("dropped")
    assert dict(made.logs[0].reasons["dropped"]) == {"does not contain “euro”": 3, "has no answer": 1}


def test_it_notes_ids_that_are_not_there(tmp_path: Path) -> None:
    made = done(tmp_path, ROWS, {"kind": "filter", "row_ids": [ROWS[0]["row_id"], "f" * 24]})
    assert made.logs[0].notes == ["1 of 2 ids of the list are not among these rows."]


@pytest.mark.parametrize(("given", "said"), [
    ({}, "choose at least one condition"), ({"min_chars": 9, "max_chars": 3}, "leaves no row"), ({"max_tokens": 9}, "choose the model whose tokens"),
    ({"has": ["colour"]}, "no row carries “colour”"), ({"pattern": "(?=a)b"}, "look-ahead"), ({"pattern": "a{2000}"}, "repetition"), ({"pattern": "(" * 2000}, "at most 1000"),
])  # fmt: skip
def test_it_refuses_what_cannot_be_meant(given: dict[str, Any], said: str) -> None:
    with pytest.raises(DataRefused, match=said) as refused:
        parse_steps([{"kind": "clean"}, {"kind": "filter", **given}])
    assert refused.value.message.startswith("Step 2 (Filter rows)")


def test_no_expression_takes_forever(tmp_path: Path) -> None:
    made = done(
        tmp_path, [row("a" * 50_000, None, 1)], {"kind": "filter", "pattern": "^(a+)+$|(a|aa)*b", "action": "drop"}
    )
    assert made.rows == []
