from __future__ import annotations

import pytest

from jobs.distill.tool_calls import Call, calls_of
from jobs.distill.writers.base import Unusable
from tests.jobs.distill.writers.speaking import row, script, write

SUM = row("What is 17 * 23?", "391")
STEP = 'I compute it. <tool_call>{"name": "calculator", "arguments": {"expression": "17 * 23"}}</tool_call> It gives 5.'


def test_an_easy_question_holds_no_call():
    (made,) = write("tool-need", SUM, script("391", "390"), tries=2)
    assert made.answer == "391" and made.fields["direct_accuracy"] == 0.5 and made.fields["difficulty"] == "easy"
    assert "calculator" in made.messages[0]["content"] and not calls_of(made.answer)


def test_a_hard_question_is_solved_with_calls_that_were_carried_out():
    seen = []

    def says(turn, q):
        seen.append(turn)
        return "1" if q.to == "student" else STEP if "tool_response" not in turn else "The result is 391.\nAnswer: 391"

    call, end, words = write("tool-need", SUM, says, tries=2)
    assert isinstance(calls_of(call.answer)[0], Call) and call.answer.endswith("</tool_call>")
    assert end.messages[-1]["content"] == "<tool_response>\n391\n</tool_response>" and end.answer.endswith(
        "Answer: 391"
    )
    assert [m.fields["task"] for m in (call, end, words)] == ["tool", "tool", "knowledge"]
    assert call.fields["direct_accuracy"] == 0 and not calls_of(words.answer) and "391" in words.answer


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["1", "Answer: 391"], "solved without a call"),
        (["1", STEP, "Answer: 390"], "ends in '390', right is '391'"),
        (["1", *[STEP] * 3], "not answered after 2 calls"),
    ],
)
def test_solutions_that_do_not_hold_are_left_out(texts: list[str], why: str):
    with pytest.raises(Unusable, match=why):
        write("tool-need", SUM, script(*texts), tries=1, calls=2)
