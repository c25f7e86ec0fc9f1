from __future__ import annotations

import time

import pytest

from jobs.distill.programs.sandbox import unavailable
from jobs.distill.writers.base import Unusable
from jobs.distill.writers.triplets import two_blocks
from tests.jobs.distill.writers.saying import every, row

TESTS = "```python\ndef test_one():\n    assert add(1, 2) == 3\n\ndef test_two():\n    assert add(0, 0) == 0\n```"


def reply(body: str) -> str:
    return f"```python\ndef add(a, b):\n    {body}\n```\n\nTESTS\n\n{TESTS}"


@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_only_solutions_that_pass_their_own_tests_survive_and_hard_items_take_more_attempts() -> None:
    asked: list[str] = []

    def says(question: str) -> str:
        if "Write a solution" in question:
            asked.append(question)
            return reply("return a * b" if len(asked) < 3 else "return a + b")
        return "Write add(a, b)."

    made, reasons = every("code-triplets", [row("sums")], says, attempts=5)
    fields = made[0].fields
    assert not reasons and (fields["attempts"], fields["number_of_tests"]) == (3, 2)
    assert fields["pass_rate"] == pytest.approx(1 / 3, abs=1e-4) and "test_one fails" in asked[1]
    assert made[0].messages[-1]["content"] == "Write add(a, b)." and "return a + b" in (made[0].answer or "")
    _, reasons = every("code-triplets", [row("sums")], lambda q: reply("return 4"), attempts=2, source="given")
    assert "none of 2 attempts passes its own tests" in reasons[0]


@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_another_form_of_the_question_is_a_second_row() -> None:
    made, _ = every(
        "code-triplets",
        [row("Add two numbers.")],
        lambda q: reply("return a + b") if "Write a solution" in q else "def add(a, b):",
        source="given",
        restyled=True,
    )
    assert [m.messages[-1]["content"] for m in made] == ["Add two numbers.", "def add(a, b):"]
    assert made[1].fields["restyled"] and made[0].answer == made[1].answer


def test_two_blocks_are_needed_and_tests_in_the_second() -> None:
    assert two_blocks("a = 1\nTESTS\ndef test_a(): assert a")[0] == "a = 1"
    for text in ("a = 1", "```\na\n```\n```\nassert a\n```"):
        with pytest.raises(Unusable):
            two_blocks(text)


@pytest.mark.parametrize("text", ["\n" * 50_000, " " * 50_000, "```py " * 20_000, "tests *" * 10_000, "#*" * 20_000])
def test_a_reply_that_repeats_itself_is_looked_through_in_time(text: str) -> None:
    began = time.process_time()
    with pytest.raises(Unusable):
        two_blocks(f"{text}x")
    assert time.process_time() - began < 2


@pytest.mark.parametrize("mark", ["TESTS", "  ## Tests:", "**tests**", "** tests **:", "tests\r"])
def test_the_line_between_solution_and_tests_may_be_dressed(mark: str) -> None:
    solution, tests = two_blocks(f"def f(): return 1\n\n{mark}\n\ndef test_f():\n    assert f() == 1\n")
    assert solution == "def f(): return 1" and tests.startswith("def test_f")
