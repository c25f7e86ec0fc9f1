from __future__ import annotations

import pytest

from jobs.distill.writers.base import Unusable
from tests.jobs.distill.writers.speaking import desk, row, script, write

RARE = row("What is the melting point of gallium?", "29.8 °C")


def test_an_entry_comes_from_an_error_and_says_what_the_student_said():
    seen = []
    on = desk("knowledge", student_says={"r1": "100 °C"})
    made, learnt = write("knowledge", RARE, lambda turn, q: seen.append(turn) or "Gallium melts at 29.8 °C.", on)
    assert (
        learnt.messages[-1]["content"] == f"What helps:\n- Gallium melts at 29.8 °C.\n\n{RARE.question}"
        and learnt.answer == "29.8 °C"
    )
    assert made.fields["entry"] == "Gallium melts at 29.8 °C." and made.fields["student_said"] == "100 °C"
    assert "A student answered: 100 °C" in seen[0] and made.messages == RARE.messages


def test_a_row_that_the_student_was_not_asked_makes_no_entry():
    with pytest.raises(Unusable, match="was not asked"):
        write("knowledge", RARE, script())


def test_long_entries_are_left_out():
    with pytest.raises(Unusable, match="12 words, at most 5"):
        write("knowledge", RARE, script("word " * 12), desk("knowledge", student_says={"r1": "x"}), longest=5)


def test_a_strategy_follows_a_judged_answer():
    told = script("I want my money back NOW", "No.", "Rude.\nScore: 2", "Say sorry first, then explain the steps.")
    (made,) = write("strategies", row("Where is my refund?"), told)
    assert made.messages[-1]["content"] == "I want my money back NOW" and made.fields["score"] == 2
    assert made.fields["entry"].startswith("Say sorry first") and made.fields["student_said"] == "No."


@pytest.mark.parametrize(
    ("judged", "why"),
    [("Fine.\nScore: 9", "good enough: 9 of 10"), ("Score: lots", "no score"), ("Good.", "does not say")],
)
def test_good_answers_and_no_scores_make_none(judged: str, why: str):
    with pytest.raises(Unusable, match=why):
        write("strategies", row("q"), script("s", "a", judged, "x"))
