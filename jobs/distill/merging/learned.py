"""Weights found by gradient on labelled rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from ..parts import Options, Paper
from .base import Merging, equal

if TYPE_CHECKING:
    from torch import Tensor

    from .factors import Factors

Slopes = Callable[[dict[str, list[float]], int], dict[str, list[float]]]


class LearnedOptions(Options):
    steps: int = Field(50, ge=1, le=100_000, title="Steps", description="Optimizer steps of the weights.")
    learning_rate: float = Field(0.05, gt=0, le=1, title="Learning rate", description="Of Adam, for the weights alone.")
    batch_size: int = Field(16, ge=1, le=4096, title="Rows a step")
    at_once: int = Field(
        16,
        ge=2,
        le=16,
        title="Parents at once",
        description="More parents than this are merged in groups, then the groups with each other: less memory, one group at a time.",
    )


class Learned(Merging):
    id = "learned"
    title = "Learned weights (SuperMerge)"
    summary = "One weight a matrix and parent is learnt on labelled training rows; the parents stay as they are."
    when_to_use = "There are labelled rows to tell a good mixture from a bad one, and too many weights to try by hand."
    formula = r"\min_w \; \mathbb{E}\bigl[-\log q_{\theta_0 + \sum_i w_i \Delta_i}(y \mid x)\bigr]"
    paper = Paper(
        title="SUPERMERGE: An Approach For Gradient-Based Model Merging",
        authors="Yang, Zhang, Smith, Pandey",
        year=2024,
    )
    Options = LearnedOptions
    weighted = False


def learn(names: Sequence[str], parents: int, slopes: Slopes, steps: int, rate: float) -> dict[str, list[float]]:
    """Adam (Kingma & Ba 2015) on one weight a matrix and parent, from equal shares; `slopes(weights, step)` is the gradient
    of the loss. Nothing but these numbers changes."""
    import torch

    now = torch.tensor([equal(parents) for _ in names], dtype=torch.float64, requires_grad=True)  # [matrices, parents]
    adam = torch.optim.Adam([now], lr=rate)
    for step in range(steps):
        found = slopes(dict(zip(names, now.detach().tolist(), strict=True)), step)
        now.grad = torch.tensor([found[n] for n in names], dtype=torch.float64)
        adam.step()
    return dict(zip(names, now.detach().tolist(), strict=True))


def slopes_of(up_gradients: dict[str, Tensor], parents: Sequence[Factors]) -> dict[str, list[float]]:
    """dL/dw_i of each matrix from the gradient of the stacked up-projection [w_1 B_1, w_2 B_2, ...]: <G_i, B_i>."""
    out: dict[str, list[float]] = {}
    for name, gradient in up_gradients.items():
        ups = [p[name][1] for p in parents]
        blocks = gradient.split([u.shape[1] for u in ups], 1)
        out[name] = [float((g.double() * u.double()).sum()) for g, u in zip(blocks, ups, strict=True)]
    return out
