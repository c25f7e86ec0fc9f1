"""Drop entries at random and rescale the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..parts import Options, Paper
from .base import Merging, weighted_sum

if TYPE_CHECKING:
    from torch import Tensor


class DareOptions(Options):
    drop: float = Field(
        0.9,
        ge=0,
        lt=1,
        title="Share dropped (p)",
        description="Each entry of each update is dropped with this probability; the others are divided by 1 - p. 0: a plain weighted sum.",
    )


class Dare(Merging):
    id = "dare"
    title = "Drop and rescale (DARE)"
    summary = "Drops most entries of each update at random, rescales the rest so that the mean stays, and adds them."
    when_to_use = "Many updates are to be merged and would get into each other's way."
    formula = r"\Delta = \sum_i w_i\,\frac{m_i \odot \Delta_i}{1-p},\quad m_i \sim \mathrm{Bernoulli}(1-p)"
    paper = Paper(
        title="Language Models are Super Mario: Absorbing Abilities from Homologous Models as a Free Lunch",
        authors="Yu, Yu, Yu, Huang, Li", year=2024, venue="ICML", arxiv="2311.03099", url="https://arxiv.org/abs/2311.03099",
    )  # fmt: skip
    Options = DareOptions
    elementwise = True

    def tensor(self, tensors: Sequence[Tensor], weights: Sequence[float], options: Any, seed: int = 0) -> Tensor:
        import torch

        if options.drop == 0:
            return weighted_sum(tensors, weights)
        draws = torch.Generator().manual_seed(seed)
        left = []
        for t in tensors:
            stays = (torch.rand(t.shape, generator=draws) >= options.drop).to(t.device)
            left.append(t.float() * stays / (1 - options.drop))
        return weighted_sum(left, weights).to(tensors[0].dtype)
