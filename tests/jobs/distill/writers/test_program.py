from __future__ import annotations

import pytest

from jobs.distill.programs.safe import evaluate
from jobs.distill.writers.base import Unusable
from tests.jobs.distill.writers.speaking import row, write

SUM = row("Ann has 3 boxes of 4 pens. How many pens?", "12")
CODE = "boxes = 3\npens = 4\nprint(boxes * pens)"


def both(chain: str, program: str):
    return lambda turn, question: program if "Python" in turn else chain


def test_a_program_is_the_answer_and_runs():
    (made,) = write("program", SUM, lambda *a: f"Here it is:\n```python\n{CODE}\n```", prefix="[p] ")
    assert made.answer == CODE == made.fields["program"] and made.fields["gold"] == "12"
    assert made.messages[-1]["content"] == "[p] " + SUM.question
    assert evaluate(made.answer).value == 12


def test_each_question_gets_reasons_and_a_program_under_prefixes():
    made = write("chain-and-program", SUM, both("3 * 4 = 12\nAnswer: 12", f"```\n{CODE}\n```"))
    assert [m.fields["task"] for m in made] == ["chain", "program"]
    assert [m.messages[-1]["content"].split("]")[0] for m in made] == ["[chain", "[program"]
    assert made[0].answer == "3 * 4 = 12\nAnswer: 12" and made[1].answer == CODE


def test_both_are_wanted_unless_one_is_enough():
    wrong = both("It is 13.\nAnswer: 13", f"```\n{CODE}\n```")
    with pytest.raises(Unusable, match="the reasons end in '13', right is '12'"):
        write("chain-and-program", SUM, wrong)
    assert [m.fields["task"] for m in write("chain-and-program", SUM, wrong, wanted="any")] == ["program"]


def test_an_empty_program_is_none():
    with pytest.raises(Unusable, match="no program"):
        write("program", SUM, lambda *a: "```python\n\n```")
