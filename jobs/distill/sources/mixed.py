"""Coins: which rows of a step the student answers itself, and which of those are written anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..recipe import Curve
from ..schedules.curves import value_at

SHARE, FRESH = "source.share", "source.fresh"
_COINS = {SHARE: 1, FRESH: 2, "source.replay": 3}


def chance(seed: int, step: int, place: int, coin: str) -> float:
    """A draw in [0, 1) that depends on (seed, step, place) and on what it decides, and on nothing else."""
    return float(np.random.Generator(np.random.PCG64([seed, step, place, _COINS[coin]])).random())


@dataclass(frozen=True)
class Mix:
    """share: the chance that a row is answered by the student (1: on-policy). fresh: the chance that such an answer is new and
    not from the replay buffer. `reached` is where the loop's adaptive curves stand (by `source.share`, `source.fresh`)."""

    share: float | Curve
    fresh: float | Curve
    seed: int
    steps: int
    reached: Mapping[str, float] = field(default_factory=dict)

    def now(self, step: int) -> dict[str, float]:
        """Both shares at a step."""
        return {
            SHARE: value_at(self.share, step, self.steps, self.reached.get(SHARE)),
            FRESH: value_at(self.fresh, step, self.steps, self.reached.get(FRESH)),
        }

    def by_student(self, step: int, place: int) -> bool:
        return chance(self.seed, step, place, SHARE) < self.now(step)[SHARE]

    def anew(self, step: int, place: int) -> bool:
        return chance(self.seed, step, place, FRESH) < self.now(step)[FRESH]

    def from_buffer(self, step: int, place: int) -> float:
        return chance(self.seed, step, place, "source.replay")
