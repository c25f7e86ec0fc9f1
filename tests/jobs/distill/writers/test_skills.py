from __future__ import annotations

import json
import random
from collections import Counter
from itertools import islice

import pytest

from jobs.distill.catalog.parts.writers import WRITING
from jobs.distill.errors import RecipeInvalid
from jobs.distill.writers.skills import evenly, skills_of
from tests.jobs.distill.writers.saying import every, row, seeds


def test_it_keeps_the_row_and_adds_its_skills() -> None:
    made, reasons = every(
        "extract-skills",
        [row("2+2?", "4"), row("x", "y")],
        lambda q: json.dumps({"skills": ["Adding", "Estimating", "z"]}) if "2+2" in q else "none",
        most=2,
    )
    assert made[0].fields["skills"] == ["Adding", "Estimating"] and made[0].answer == "4" and made[0].same
    assert len(reasons) == 1 and "JSON" in reasons[0]


def test_all_pairs_are_drawn_within_twice_of_uniform() -> None:
    skills = [f"s{n}" for n in range(8)]
    for number in (28, 45, 100, 1000):
        counts = Counter(tuple(s.values["skills"]) for s in seeds("skill-mix", [], skills=skills, number=number))
        assert len(counts) == 28 and max(counts.values()) <= 2 * min(counts.values())


def test_of_very_many_combinations_distinct_ones_are_drawn() -> None:
    drawn = list(islice(evenly([f"s{n}" for n in range(200)], 4, random.Random(0)), 3000))
    assert len(set(drawn)) == 3000 and all(len(set(d)) == 4 for d in drawn)
    assert list(evenly(["a"], 2, random.Random(0))) == []


def test_skills_are_counted_however_they_are_spelled() -> None:
    rows = [row("a", skills=["Adding", "Guessing"]), row("b", skills=["adding."]), row("c")]
    assert skills_of(rows) == ["Adding", "Guessing"] and skills_of(rows, least=2) == ["Adding"]


def test_it_writes_the_question_then_the_answer_that_shows_the_skills() -> None:
    made, _ = every(
        "skill-mix", [], lambda q: "Help me!" if "Write one question" in q else "Gladly.", skills=["a", "b"], number=1
    )
    assert (made[0].messages[-1]["content"], made[0].answer, made[0].fields["skills"]) == (
        "Help me!",
        "Gladly.",
        ["a", "b"],
    )


def test_too_few_or_double_skills_are_refused() -> None:
    part = WRITING["skill-mix"]()
    with pytest.raises(RecipeInvalid, match="2 skills, and each row needs 3"):
        part.check(part.Options(skills=["a", "b"], k=3), "options")
    with pytest.raises(ValueError, match="stands there 2 times"):
        part.Options(skills=["a", "A "])
