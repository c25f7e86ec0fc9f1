"""Rules about several teachers; each test breaks one thing of a recipe that spells its stages out."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.distill import recipe as recipes
from jobs.distill.plan.compiler import compile
from jobs.distill.plan.facts import Facts
from jobs.distill.plan.result import Plan
from tests.jobs.distill.plan.conftest import OTHER, data, model

KL, CE = {"type": "forward-kl"}, {"type": "cross-entropy"}


def plan(*stages: dict[str, Any], further: dict[str, Any] | None = None, teacher_hidden: int = 256) -> Plan:
    """The plan of these training stages; `further` are teachers by name, with their facts."""
    listed = [{"kind": "train", "steps": 4, "terms": [KL, CE], **s} for s in stages]
    facts = further or {}
    recipe = recipes.parse({
        "teacher": {"model": "t"}, "student": {"model": "s"}, "data": {"dataset": "d"}, "stages": listed,
        "teachers": [{"id": name, "model": name} for name in facts],
    })  # fmt: skip
    teacher = model("teacher", teacher_hidden)
    return compile(recipe, Facts(student=model("student"), teacher=teacher, teachers=facts, data=data()))


def codes(found: Plan) -> list[str]:
    return [p.code for p in found.refusals]


def members(*given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"teaching": {"members": list(given), **more}}


SECOND = {"second": model("second", 192, sha256="3" * 64)}


def test_two_teachers_of_one_vocabulary_are_planned_with_a_verdict_each() -> None:
    found = plan(members({"name": "teacher"}, {"name": "second"}), further=SECOND)
    assert codes(found) == [] and found.verdict and set(found.verdicts) == {"second"}


@pytest.mark.parametrize("stage", [members({"name": "third"}), {"learner": "third"}])
def test_a_name_the_recipe_does_not_have_is_refused(stage: dict[str, Any]) -> None:
    found = plan(stage, {"name": "after"}, further=SECOND)
    assert codes(found) == ["TEACHER_UNKNOWN"] and "second" in found.refusals[0].message


def test_a_further_teacher_of_another_vocabulary_is_refused_where_it_is_named() -> None:
    found = plan(
        members({"name": "teacher"}, {"name": "second"}), further={"second": model("second", 192, vocab_sha256=OTHER)}
    )
    assert codes(found) == ["VOCABULARY_DIFFERENT"]
    assert found.refusals[0].field == "stages.0.teaching.members.1.name"


def test_an_adapter_teaches_only_after_its_own_stage() -> None:
    late = members({"kind": "adapter", "name": "b"})
    assert codes(plan({"name": "a", "terms": [CE]}, late)) == ["ADAPTER_UNKNOWN"]
    assert codes(plan({"name": "b", "terms": [CE]}, late)) == []


@pytest.mark.parametrize(
    ("teaching", "code"),
    [
        (members({"name": "teacher", "weight": 0}, {"name": "second", "weight": 0}, combine="compose"), "TEACHERS_ADD_TO_NOTHING"),
        (members({"name": "teacher"}, {"name": "second"}, combine="route"), "ROUTE_UNCLEAR"),
        (members({"domains": ["x"]}, {"name": "second", "domains": ["x"]}, combine="route"), "ROUTE_UNCLEAR"),
        ({**members({"kind": "base"}), "teacher": "recorded"}, "SIGNALS_OF_LEARNER"),
        ({**members({"kind": "base"}), "terms": [KL]}, "TEACHER_IS_STUDENT"),
        ({**members({"kind": "ema"}), "terms": [KL]}, "TEACHER_IS_STUDENT"),
        ({"learner": "teacher", "terms": [CE]}, "STUDENT_NEVER_LEARNS"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(teaching: dict[str, Any], code: str) -> None:
    assert code in codes(plan(teaching, further=SECOND))


def test_a_base_may_teach_a_student_that_has_learnt_something() -> None:
    assert codes(plan({"name": "first", "terms": [CE]}, {**members({"kind": "base"}), "terms": [KL]})) == []


def test_a_nearer_model_that_nobody_asks_is_proposed_where_the_gap_is_wide() -> None:
    found = plan({}, further=SECOND, teacher_hidden=1024)
    (said,) = [w for w in found.warnings if w.code == "CAPACITY_GAP"]
    assert "second" in said.message and "2.5" in said.message
    assert not [w for w in plan({}, further=SECOND).warnings if w.code == "CAPACITY_GAP"]
