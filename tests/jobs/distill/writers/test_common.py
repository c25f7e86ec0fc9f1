from __future__ import annotations

import time

import pytest

from jobs.distill.writers.base import Unusable
from jobs.distill.writers.common import agree, code_of, items_of, split_at, vote


@pytest.mark.parametrize(
    ("said", "gold", "same"),
    [
        ("so Answer: 12", "12", True),
        ("It is 12.0", "#### 12", True),
        ("12 pens", "12", True),
        ("13", "12", False),
        ("Card lost.", "card lost", True),
        ("top up", "card lost", False),
        ("in 1912 he went to Rome", "Rome", False),
        ("anything", "", False),
    ],
)
def test_answers_agree_as_numbers_or_as_words(said: str, gold: str, same: bool):
    assert agree(said, gold) is same


def test_votes_and_lists_and_code():
    assert vote(["Answer: 12", "13", "12.0"]) == (0, pytest.approx(2 / 3)) and vote(["", ""]) == (-1, 0.0)
    assert items_of("1. a\n2) b\n- c") == ["a", "b", "c"] and items_of("a\n\nb") == ["a", "b"]
    assert items_of("\n\n  1.\n a\n\n\t-  b \n\n") == ["a", "b"]


def test_a_text_of_empty_lines_is_looked_through_once():
    began = time.process_time()
    assert items_of("\n" * 200_000 + "- a") == ["a"] and time.process_time() - began < 2
    assert code_of("x\n```python\na = 1\n```\ny") == "a = 1"


def test_a_marker_is_needed_and_something_after_it():
    assert split_at("r\nScore: 3\nmore", "score:") == ("r", "3\nmore")
    with pytest.raises(Unusable, match="nothing follows"):
        split_at("Score:", "Score:")
