"""Trim, elect a sign, and average those that agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..parts import Options, Paper
from .base import Merging

if TYPE_CHECKING:
    from torch import Tensor


class TiesOptions(Options):
    density: float = Field(
        0.2,
        gt=0,
        le=1,
        title="Density",
        description="Share of the entries that stay, the largest of each parent's matrix.",
    )
    scale: float = Field(1.0, gt=0, le=10, title="Scale", description="Multiplies the merged update.")


class Ties(Merging):
    id = "ties"
    title = "TIES"
    summary = "Keeps each parent's largest entries, elects a sign an entry, and averages the parents that have it."
    when_to_use = "Several parents pull the same entries in opposite directions."
    formula = r"\Delta_e = \lambda\,\frac{\sum_{i \in A_e} w_i\,\Delta_{i,e}}{\sum_{i \in A_e} w_i},\quad A_e = \{i : \mathrm{sgn}\,\Delta_{i,e} = \mathrm{sgn} \sum_j w_j \Delta_{j,e}\}"
    paper = Paper(
        title="TIES-Merging: Resolving Interference When Merging Models", authors="Yadav, Tam, Choshen, Raffel, Bansal", year=2023,
        venue="NeurIPS", arxiv="2306.01708", url="https://arxiv.org/abs/2306.01708",
    )  # fmt: skip
    Options = TiesOptions
    elementwise = True

    def tensor(self, tensors: Sequence[Tensor], weights: Sequence[float], options: Any, seed: int = 0) -> Tensor:
        import torch

        kept = torch.stack([trimmed(t.float(), options.density) for t in tensors])
        shares = torch.tensor(list(weights), device=kept.device).view(-1, *[1] * tensors[0].dim())
        sign = (kept * shares).sum(0).sign()
        agree = (kept.sign() == sign) & (sign != 0)
        total = (kept * shares * agree).sum(0)
        of = (shares * agree).sum(0)
        merged = torch.where(of > 0, total / torch.where(of > 0, of, 1), 0) * options.scale
        return merged.to(tensors[0].dtype)


def trimmed(tensor: Tensor, density: float) -> Tensor:
    """The tensor with all but its largest entries set to 0; at least one stays."""
    import torch

    keep = max(1, round(density * tensor.numel()))
    out = torch.zeros_like(tensor).flatten()
    at = tensor.abs().flatten().topk(keep).indices
    out[at] = tensor.flatten()[at]
    return out.view_as(tensor)
