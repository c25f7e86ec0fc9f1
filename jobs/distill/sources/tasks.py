"""Rows that are learnt in more than one way: answer and rationale together, or one chunk of a text at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from ..rows import Example
from ..supervise import by_row
from .fixed import FixedRows


class TwoTasks:
    """Answer and rationale of every row of a step, weighed so that the step's loss is a * CE(answer) + (1 - a) * CE(rationale),
    each a mean over its own tokens (over its own rows with reduction seq_mean). A row without one of them gives the other."""

    def __init__(
        self, examples: Sequence[Example], batch_size: int, seed: int, share: float, reduction: str = "token_mean"
    ) -> None:
        self.of = {together[0].row_id: together for together in by_row(examples)}
        self.rows = FixedRows([together[0] for together in self.of.values()], batch_size, seed)
        self.share, self.reduction = share, reduction

    def step(self, step: int) -> list[Example]:
        drawn = [e for first in self.rows.step(step) for e in self.of[first.row_id]]
        counts = [e.mass if self.reduction == "token_mean" else 1 for e in drawn]
        rationale = [e.features["task"] == 1 for e in drawn]
        total = sum(counts)
        theirs = sum(c for c, r in zip(counts, rationale, strict=True) if r)
        factor = {True: (1 - self.share) * total / max(1, theirs), False: self.share * total / max(1, total - theirs)}
        return [replace(e, weight=e.weight * factor[r]) for e, r in zip(drawn, rationale, strict=True)]

    def state(self) -> dict[str, torch.Tensor]:
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Nothing: the rows of a step are a function of its number."""


class ChunkRows:
    """One chunk of each row of a step: the first in the first pass over the rows, the second in the second, and round again."""

    def __init__(self, examples: Sequence[Example], batch_size: int, seed: int) -> None:
        self.chunks = by_row(examples)
        self.place = {together[0].row_id: i for i, together in enumerate(self.chunks)}
        self.rows = FixedRows([together[0] for together in self.chunks], batch_size, seed)

    def step(self, step: int) -> list[Example]:
        out = []
        for n, first in enumerate(self.rows.step(step)):
            chunks = self.chunks[self.place[first.row_id]]
            passed = (step * self.rows.batch_size + n) // len(self.chunks)
            out.append(chunks[passed % len(chunks)])
        return out

    def state(self) -> dict[str, torch.Tensor]:
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Nothing: the rows of a step are a function of its number."""
