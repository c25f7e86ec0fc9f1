"""A weighted sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..parts import Paper
from .base import Merging

if TYPE_CHECKING:
    from torch import Tensor


class Linear(Merging):
    id = "linear"
    title = "Weighted sum"
    summary = "Adds the updates of the parents, each times its weight; the base counts as an update of zero."
    when_to_use = (
        "The first thing to try. With weights that sum to 1 it averages; with the base as a parent it weakens."
    )
    formula = r"\Delta = \sum_i w_i\,\Delta_i"
    paper = Paper(
        title="Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference time",
        authors="Wortsman, Ilharco, Gadre, Roelofs, Gontijo-Lopes, Morcos, Namkoong, Farhadi, Carmon, Kornblith, Schmidt",
        year=2022, venue="ICML", arxiv="2203.05482", url="https://arxiv.org/abs/2203.05482",
    )  # fmt: skip

    def coefficients(self, inner: Tensor, weights: Sequence[float], options: Any) -> list[float]:
        return list(weights)
