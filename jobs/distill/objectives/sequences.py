"""The answers of one micro-batch as a sequence term sees them: which position belongs to which answer, pair and group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .base import SMALLEST


@dataclass(frozen=True)
class Sequences:
    """N supervised positions of S answers in G groups; groups are never split over micro-batches."""

    of: Tensor  # [N] int64: the answer of each position
    group: Tensor  # [S] int64: the group of each answer, 0 .. G - 1
    origin: Sequence[str]  # [S] fixed, rollout, chosen, rejected
    labels: Tensor  # [N]
    features: Mapping[str, Tensor] = field(
        default_factory=dict
    )  # by name: [N] or [S], constants (reward, old_logq ...)
    side: Any = None  # the teacher's side of the micro-batch
    paint: Tensor | None = None  # [N] weight of each position: 0 is not learnt, 2 counts twice; None: all are 1

    @property
    def answers(self) -> int:
        return len(self.group)

    @cached_property
    def groups(self) -> int:
        return int(self.group.max()) + 1 if len(self.group) else 0

    @cached_property
    def lengths(self) -> Tensor:
        """Supervised positions of each answer, [S]."""
        return torch.bincount(self.of, minlength=self.answers)

    @cached_property
    def masses(self) -> Tensor:
        """Positions of each answer as they count, [S]."""
        if self.paint is None:
            return self.lengths.clamp_min(1)
        return self.paint.new_zeros(self.answers).index_add(0, self.of, self.paint)

    @cached_property
    def place(self) -> Tensor:
        """Place of each position inside its answer, from 0, [N]."""
        ends = self.lengths.cumsum(0)
        return torch.arange(len(self.of), device=self.of.device) - (ends - self.lengths)[self.of]

    def sums(self, x: Tensor) -> Tensor:
        """Sum over each answer's positions, each as often as it counts: [N] -> [S]."""
        counted = x if self.paint is None else x * self.paint.to(x.dtype)
        return x.new_zeros(self.answers).index_add(0, self.of, counted)

    def means(self, x: Tensor) -> Tensor:
        """Mean over each answer's positions, 0 where none is learnt: [N] -> [S]."""
        return self.sums(x) / self.masses.clamp_min(SMALLEST).to(x.dtype)

    def by_group(self, x: Tensor) -> Tensor:
        """Sum over each group's answers: [S] -> [G]."""
        return x.new_zeros(self.groups).index_add(0, self.group, x)

    def group_means(self, x: Tensor) -> Tensor:
        """Mean over each group's answers: [S] -> [G]."""
        return self.by_group(x) / self.by_group(torch.ones_like(x))

    def where(self, origin: str) -> Tensor:
        """Which answers have this origin, bool [S]."""
        return torch.tensor([o == origin for o in self.origin], device=self.of.device)

    def one(self, x: Tensor, origin: str) -> Tensor:
        """The value of each group's single answer of this origin: [S] -> [G]. Raises ValueError when a group has none or two."""
        at = self.where(origin)
        counts = torch.bincount(self.group[at], minlength=self.groups)
        if bool((counts != 1).any()):
            raise ValueError(f"every group needs exactly one {origin} answer, found {counts.tolist()}")
        return x.new_zeros(self.groups).index_put((self.group[at],), x[at])
