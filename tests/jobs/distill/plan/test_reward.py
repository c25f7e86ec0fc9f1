"""What training a reward model will take: steps, tokens, time and memory stand in the plan like those of any stage."""

from __future__ import annotations

import pytest

from jobs.distill.plan.result import StageEstimate
from jobs.distill.plan.writing import REWARD_PAIRS

PREFER = {"kind": "prefer", "rule": "verified-over-failed"}
WRITE = {"kind": "write", "writer": "answers", "candidates": 4, "temperature": 0.8, "by": "student", "limit": 100}


def estimate(desk, *stages, **changes) -> StageEstimate:
    train = desk.train("cross-entropy", rows="labelled")
    found = desk.plan(stages=[*stages, {"kind": "reward", **changes}, train])
    return next(s for s in found.stages if s.kind == "reward")


def test_it_is_counted_by_pairs_and_steps(desk):
    found = estimate(desk, WRITE, PREFER, epochs=2, batch_size=16, heldout=0.25)
    assert found.rows == 400 and found.steps == 38, "two epochs over 300 of at most 400 pairs, 16 a step"
    assert "300 pairs at most" in found.computes and "100 pairs are kept apart" in found.computes
    assert found.tokens > 0 and found.seconds > 0


def test_it_takes_longer_with_more_steps_and_a_larger_learner(desk):
    few, many = (estimate(desk, WRITE, PREFER, steps=n) for n in (10, 40))
    assert few.steps == 10 and many.steps == 40 and 2 * few.seconds < many.seconds < 4.1 * few.seconds
    assert estimate(desk, WRITE, PREFER, steps=40, learner="teacher").seconds > many.seconds


def test_it_is_carried_out_in_each_round_of_a_loop(desk):
    loop = {"kind": "loop", "rounds": 3, "stages": [WRITE, PREFER, {"kind": "reward", "steps": 10}]}
    found = desk.plan(stages=[loop, desk.train("cross-entropy", rows="labelled")])
    assert next(s for s in found.stages if s.kind == "reward").steps == 30


def test_its_memory_is_a_phase_without_an_output_layer(desk):
    alone = estimate(desk, WRITE, PREFER, steps=1)
    assert alone.seconds > 0
    pytest.importorskip("torch")
    from jobs.distill.rewards.model import READING

    assert READING.rows // 2 == REWARD_PAIRS
