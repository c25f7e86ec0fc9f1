from __future__ import annotations

import time

import pytest

from jobs.distill.writers.base import Unusable
from jobs.distill.writers.generic import listed, replaced
from tests.jobs.distill.writers.speaking import row, script, write

TEXT = "Zorblax rode to Quindle. Zorblaxes live in Quindle."


def test_particular_words_become_ordinary_ones_and_the_list_is_kept():
    (made,) = write(
        "generic-words", row("Tell me", TEXT), script("- Zorblax => Tom\nQuindle -> the town\nNobody => x").__call__
    )
    assert made.fields["replaced"] == {"Quindle": "the town"} or made.fields["replaced"] == {
        "Zorblax": "Tom",
        "Quindle": "the town",
    }
    assert made.answer.endswith("in the town.") and made.fields["original"] == TEXT


def test_words_are_replaced_whole_and_once():
    assert replaced("a ab a", {"a": "ab", "ab": "c"}) == "ab c ab"


def test_only_lines_with_two_sides_are_pairs():
    began = time.process_time()
    reply = "a => b => c\n x y→z \n=> b\na =>\nno arrow\n" + " " * 100_000 + "a -> b" + " " * 100_000
    assert listed(reply) == [("a", "b => c"), ("x y", "z"), ("a", "b")] and time.process_time() - began < 2


def test_a_list_of_nothing_is_none():
    with pytest.raises(Unusable, match="none of the listed words"):
        write("generic-words", row("q", TEXT), script("Gandalf => Tom"))
