"""Rules about single tokens: what they say, which field they name, what their fix sets."""

from __future__ import annotations

import pytest


def of(desk, id, **term):
    return desk.train({"type": id, **term})


def test_an_unknown_token_weight_is_refused_with_the_nearest(desk):
    found = desk.plan(stages=[of(desk, "forward-kl", weighting={"type": "kl-gaps"})])
    problem = desk.one(found.refusals, "WEIGHTING_UNKNOWN")
    assert "Did you mean kl-gap?" in problem.message and problem.fix.value == "kl-gap"


def test_a_known_token_weight_is_accepted_and_its_options_are_checked(desk):
    good = of(desk, "forward-kl", weighting={"type": "kl-gap", "options": {"scale": 2.0}})
    assert desk.plan(stages=[good]).ok
    bad = of(desk, "forward-kl", weighting={"type": "kl-gap", "options": {"scale": -1.0}})
    assert "greater than 0" in desk.one(desk.plan(stages=[bad]).refusals, "OPTION_INVALID").message


def test_a_weight_that_reads_the_teacher_needs_one(desk):
    stage = of(desk, "cross-entropy", weighting={"type": "teacher-entropy"})
    found = desk.plan(teacher=None, asked=desk.recipe(teacher=None, stages=[stage]))
    assert "reads the teacher" in desk.one(found.refusals, "WEIGHTING_TEACHER").message


@pytest.mark.parametrize("id,options", [("dkd", {}), ("reverse-kl", {"tail": "student_support"})])
def test_terms_over_the_whole_distribution_run_beside_the_teacher(desk, id, options):
    asked = desk.plan(stages=[desk.train({"type": id, "options": options}, teacher="recorded")])
    problem = desk.one(asked.refusals, "SIGNALS_INSUFFICIENT")
    assert problem.fix.value == "online"
    free = desk.plan(stages=[desk.train({"type": id, "options": options})])
    choice = next(c for c in free.choices if c.field.endswith(".teacher"))
    assert choice.value == "online" and "whole distribution" in choice.why


def test_draws_are_refused_where_top_tokens_are_recorded(desk):
    found = desk.plan(stages=[of(desk, "forward-kl", options={"tail": "sampled"})])
    assert desk.one(found.refusals, "TAIL_NOT_RECORDED").fix.value == "bucket"


def test_minifinetuning_needs_no_teacher(desk):
    """The learner's own base is the teacher."""
    found = desk.plan(teacher=None, asked=desk.recipe(teacher=None, method="mft"))
    assert found.ok, found.refusals
