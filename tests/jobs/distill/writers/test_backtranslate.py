from __future__ import annotations

import pytest

from jobs.distill.writers.base import Unusable
from tests.jobs.distill.writers.speaking import row, script, write

TEXT = "Boil water, add the pasta, wait nine minutes and drain it."


def test_a_row_turned_round_asks_for_its_question_and_nobody_is_asked():
    (made,) = write("backward", row("How do I cook pasta?", TEXT), script())
    assert made.answer == "How do I cook pasta?" and made.messages[-1]["content"].startswith(TEXT)
    assert made.fields["task"] == "backward"


def test_a_text_becomes_the_answer_to_its_instruction():
    (made,) = write("instruction-for", row(TEXT), script('"How do I cook pasta?"'))
    assert made.messages == ({"role": "user", "content": "How do I cook pasta?"},) and made.answer == TEXT


def test_backward_rows_and_questions_read_alike():
    asked = []
    (learnt,) = write("backward", row("q", TEXT), script())
    write("instruction-for", row(TEXT), lambda turn, q: asked.append(turn) or "How?")
    assert asked == [learnt.messages[-1]["content"]]


@pytest.mark.parametrize(
    ("said", "why"), [("word " * 30, "30 words, at most 20"), ("add the pasta", "a piece of the text")]
)
def test_instructions_that_tell_the_answer_are_left_out(said: str, why: str):
    with pytest.raises(Unusable, match=why):
        write("instruction-for", row(TEXT), script(said), longest=20)
