from __future__ import annotations

import pytest

from jobs.distill.writers.base import Unusable
from tests.jobs.distill.writers.speaking import desk, row, script, write

SUM = row("What is 3 * 4?", "3 * 4 = 12\nAnswer: 12")
LABELS = [row("a", "refund", "r1"), row("b", "top up", "r2")]


def test_a_rewriting_is_used_only_when_it_keeps_the_answer():
    (kept,) = write("own-words", SUM, script("Three fours make 12.\nAnswer: 12"))
    assert kept.answer.startswith("Three fours") and kept.same and kept.fields["rewritten"] is True
    (back,) = write("own-words", SUM, script("Three fours make 13.\nAnswer: 13"))
    assert back.answer == SUM.answer and back.fields["rewritten"] is False and back.fields["not_used"].endswith("13")
    assert back.fields["gold"] == SUM.answer


def test_what_keeping_means_can_be_chosen():
    said = "It is twelve, that is 12, of course"
    assert write("own-words", row("q", "12"), script(said), same="contains")[0].fields["rewritten"]
    assert not write("own-words", row("q", "14"), script(said), same="contains")[0].fields["rewritten"]
    assert write("own-words", row("q", "14"), script(said), same="trust")[0].fields["rewritten"]


def test_labels_are_given_anew_among_those_of_the_data():
    on = desk("relabel", LABELS)
    (made,) = write("relabel", LABELS[0], script("Top up."), on)
    assert made.answer == "top up" and made.fields["gold"] == "refund"
    assert write("relabel", LABELS[0], script("top up"), on, disagreement="keep")[0].answer == "refund"
    with pytest.raises(Unusable, match="says 'top up', the row 'refund'"):
        write("relabel", LABELS[0], script("top up"), on, disagreement="drop")
    with pytest.raises(Unusable, match="none of the 2 labels"):
        write("relabel", LABELS[0], script("exchange"), on)
