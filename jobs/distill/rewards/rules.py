"""Rewards by rule: the same functions that score the held-out rows, so a run is rewarded for what it is judged by."""

from __future__ import annotations

from collections.abc import Callable

from ..scores import METRICS
from ..tool_calls import ERRORS, error_of

# By the worst error of an answer's calls, from those no program could read to a wrong value; right calls: 1.
OF_ERROR = dict(zip(ERRORS, (-1.0, -0.8, -0.6, -0.4, -0.2, 0.0, 0.5), strict=True))


def tool_calls(answer: str, gold: str) -> float:
    """Reward of the calls in an answer against the gold ones: each kind of error has its own (TL-Training)."""
    found = error_of(answer, gold, {})
    return 1.0 if found is None else OF_ERROR[found[0]]


REWARDS: dict[str, Callable[[str, str], float]] = {
    **{name: METRICS[name] for name in ("exact_match", "numeric_match")},
    "tool_calls": tool_calls,
}


def reward_of(name: str, answer: str, gold: str | None) -> float:
    """1 for a right answer, 0 for a wrong one, for calls of tools between -1 and 1. Raises ValueError for a row without a gold answer: it cannot be checked."""
    if gold is None:
        raise ValueError(f"the reward {name} needs a gold answer")
    return float(REWARDS[name](answer, gold))
