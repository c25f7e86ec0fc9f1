from __future__ import annotations

import pytest

from jobs.distill.catalog.parts.writers import WRITING
from jobs.distill.errors import PlanRefused
from jobs.distill.writers.base import Unusable
from tests.jobs.distill.writers.speaking import desk, row, script, write

SUM = row("What is 3 * 4?", None)


def said(*answers: str) -> list[str]:
    return [f"I think step by step.\nAnswer: {a}" for a in answers]


def test_the_majority_is_kept_without_its_reasoning():
    (made,) = write("self-consistent", SUM, script(*said("12", "12.0", "13", "12")), samples=4)
    assert made.answer == "12" and made.messages == SUM.messages and made.fields["agreement"] == 0.75
    assert "step" not in made.answer and made.fields.get("rationale") is None


def test_half_is_no_majority():
    with pytest.raises(Unusable, match="2 of 4 answers agree"):
        write("self-consistent", SUM, script(*said("12", "13", "12", "14")), samples=4)


def test_a_slow_method_of_two_steps_feeds_the_second_with_the_first():
    def says(turn, question):
        return "Answer: 12" if "cleared" in turn else "cleared question"

    assert write("self-consistent", SUM, says, samples=2, method="attention")[0].answer == "12"


def test_equal_samples_are_refused_before_they_are_paid():
    part = WRITING["self-consistent"]()
    with pytest.raises(PlanRefused, match="8 texts of one question, and at temperature 0"):
        part.seeds([SUM], part.Options(), desk("self-consistent", temperature=0.0))
