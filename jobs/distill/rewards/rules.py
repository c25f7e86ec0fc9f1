"""Rewards by rule: the same functions that score the held-out rows, so a run is rewarded for what it is judged by."""

from __future__ import annotations

from ..scores import METRICS

REWARDS = {name: METRICS[name] for name in ("exact_match", "numeric_match")}


def reward_of(name: str, answer: str, gold: str | None) -> float:
    """1 for a right answer, 0 for a wrong one. Raises ValueError for a row without a gold answer: it cannot be checked."""
    if gold is None:
        raise ValueError(f"the reward {name} needs a gold answer")
    return float(REWARDS[name](answer, gold))
