"""Weights by how much each parent changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..parts import Paper
from .base import Merging, equal

if TYPE_CHECKING:
    from torch import Tensor


class Variation(Merging):
    id = "variation"
    title = "By squared change"
    summary = "Each matrix is averaged with weights proportional to how much each parent changed it."
    when_to_use = "Parents that learnt different things changed different matrices; no weights have to be set."
    formula = r"\Delta = \sum_i w_i\,\Delta_i,\quad w_i = \frac{\lVert \Delta_i \rVert_F^2}{\sum_j \lVert \Delta_j \rVert_F^2}"
    paper = Paper(
        title="FuseChat: Knowledge Fusion of Chat Models", authors="Wan, Zhong, Yang, Chen, Quan", year=2024,
        arxiv="2408.07990", url="https://arxiv.org/abs/2408.07990",
    )  # fmt: skip
    weighted = False

    def coefficients(self, inner: Tensor, weights: Sequence[float], options: Any) -> list[float]:
        """A matrix that nobody changed is averaged."""
        changed = [float(v) for v in inner.diagonal()]
        total = sum(changed)
        return [v / total for v in changed] if total > 0 else equal(len(changed))
