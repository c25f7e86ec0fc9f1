from __future__ import annotations

import time

import pytest

from jobs.distill.writers.base import Unusable
from jobs.distill.writers.socratic import taken_apart
from tests.jobs.distill.writers.speaking import row, script, write

SUM = row("Ann has 3 boxes of 4 pens and gives 2 away. How many are left?", "10", domain="sums")
TOLD = "Q1: How many pens are in the boxes?\nA1: 3 * 4 = 12\nQ2: How many are left?\nA2: 12 - 2 = 10\nAnswer: 10"


def test_a_problem_becomes_a_row_that_asks_and_one_for_each_part():
    asks, first, last = write("socratic", SUM, script(TOLD))
    assert (
        asks.answer == "1. How many pens are in the boxes?\n2. How many are left?"
        and asks.fields["task"] == "decompose"
    )
    assert first.fields["task"] == last.fields["task"] == "solve" and asks.fields["domain"] == "sums"
    assert first.answer == "3 * 4 = 12" and first.messages[-1]["content"].endswith("Q: How many pens are in the boxes?")
    assert "Q: How many pens are in the boxes?\nA: 3 * 4 = 12\nQ: How many are left?" in last.messages[-1]["content"]
    assert last.answer == "12 - 2 = 10\nAnswer: 10" and last.fields["gold"] == "10"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (TOLD.replace("Answer: 10", "Answer: 12"), "ends in '12', right is '10'"),
        (TOLD.replace("\nAnswer: 10", ""), "does not end with Answer:"),
        (TOLD.replace("Answer: 10", "Answer:  "), "does not end with Answer:"),
        ("It is 10.\nAnswer: 10", "no sub-questions"),
    ],
)
def test_what_does_not_hold_is_left_out_in_words(text: str, why: str):
    with pytest.raises(Unusable, match=why):
        write("socratic", SUM, script(text))


def test_too_many_parts_are_refused_with_both_numbers():
    with pytest.raises(Unusable, match="2 sub-questions, at most 1"):
        write("socratic", SUM, script(TOLD), most=1)


def test_a_reply_is_taken_apart_where_its_lines_begin_and_in_time():
    text = "\n\nQ1: a\n b?\n\nA1. c\nsaid A2: no\n Q3: lost\nQ2 : d\nA2: e\nAnswer : 7\nAnswer: 8"
    assert taken_apart(text) == ([("a b?", "c\nsaid A2: no"), ("d", "e")], "7")
    began = time.process_time()
    for slow in ("\n" * 100_000, "Q1: x" + "\n" * 50_000, "Q1: x\n" * 20_000, "Q1: x\nA1: y\n" * 10_000):
        with pytest.raises(Unusable):
            taken_apart(slow + ".")
    assert time.process_time() - began < 2
