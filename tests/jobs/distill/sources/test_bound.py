"""A bound on how far the student's answers go from the reference."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.distill.sources.bound import held_near, kl_of
from jobs.distill.sources.writing import Written


def answer(gap: float, tokens: int, reward: float) -> Written:
    zero = np.zeros(tokens, dtype=np.float32)
    return Written(0, np.arange(tokens), True, reward, old_logq=zero, old_logp=zero - np.float32(gap))


def test_the_estimate_is_a_mean_over_tokens() -> None:
    assert kl_of([answer(1.0, 3, 0), answer(0.0, 1, 0)]) == pytest.approx(0.75)
    assert kl_of([Written(0, np.arange(2), True)]) is None


def test_within_the_bound_rewards_stay_beyond_it_nearness_is_all() -> None:
    made = [answer(1.0, 3, 5.0), answer(0.2, 3, -1.0)]
    assert held_near(made, 0.7) is made and held_near(made, None) is made
    assert [w.reward for w in held_near(made, 0.5)] == [pytest.approx(-1.0), pytest.approx(-0.2)]
