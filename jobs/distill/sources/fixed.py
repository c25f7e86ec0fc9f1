"""Rows of the data: an endless stream of shuffled epochs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch

from ..rows import Example


class FixedRows:
    """Every step has exactly `batch_size` rows; `order` ranks the rows inside each epoch (a curriculum) where it is given."""

    def __init__(
        self, examples: Sequence[Example], batch_size: int, seed: int, order: Sequence[int] | None = None
    ) -> None:
        self.examples, self.batch_size, self.seed, self.order = examples, batch_size, seed, order

    def step(self, step: int) -> list[Example]:
        n = len(self.examples)
        if self.order is not None:
            at = range(step * self.batch_size, (step + 1) * self.batch_size)
            return [self.examples[self.order[c % n]] for c in at]
        return [self.examples[i] for i in step_rows(n, self.batch_size, step, self.seed)]

    def state(self) -> dict[str, torch.Tensor]:
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Nothing: the rows of a step are a function of its number."""


def step_rows(n: int, batch_size: int, step: int, seed: int) -> list[int]:
    """Indices of the rows of optimizer step `step` (from 0): a function of (seed, epoch, counter) and nothing else.

    The rows form an endless stream of shuffled epochs, so that every step has exactly `batch_size` rows.
    """
    counters = range(step * batch_size, (step + 1) * batch_size)
    return [int(epoch_order(n, seed, c // n)[c % n]) for c in counters]


@lru_cache(maxsize=4)
def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """A permutation of range(n)."""
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(n)
