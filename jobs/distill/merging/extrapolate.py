"""Further along the way from one adapter to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..parts import Options, Paper
from .base import Merging

if TYPE_CHECKING:
    from torch import Tensor


class ExtrapolateOptions(Options):
    amount: float = Field(
        0.3,
        ge=-1,
        le=10,
        title="How far (a)",
        description="Times the way from the first parent to the second that is gone beyond the second. 0: the second parent; -1: the first.",
    )


class Extrapolate(Merging):
    id = "extrapolate"
    title = "Extrapolation (ExPO)"
    summary = "Goes from the first parent through the second and beyond, without training."
    when_to_use = "A preference stage moved the student the right way, but training on would cost too much."
    formula = r"\Delta = \Delta_1 + a\,(\Delta_1 - \Delta_0)"
    paper = Paper(
        title="Weak-to-Strong Extrapolation Expedites Alignment", authors="Zheng, Wang, Ji, Huang, Peng", year=2024,
        arxiv="2404.16792", url="https://arxiv.org/abs/2404.16792",
    )  # fmt: skip
    Options = ExtrapolateOptions
    weighted = False
    parents = 2

    def coefficients(self, inner: Tensor, weights: Sequence[float], options: Any) -> list[float]:
        return [-options.amount, 1 + options.amount]
