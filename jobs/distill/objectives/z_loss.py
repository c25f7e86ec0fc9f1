"""z-loss: keeps the log-normaliser near zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Options, Paper, Part, Slope

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class ZLoss(Part):
    id = "z-loss"
    title = "z-loss"
    summary = "The square of the log-normaliser: stops logits from drifting, which the other terms cannot see."
    when_to_use = (
        "Beside another term with a weight around 1e-4, when long training in half precision becomes unstable."
    )
    formula = r"\ell = \Bigl(\log \sum_v e^{z_v / T}\Bigr)^2"
    paper = Paper(
        title="PaLM: Scaling Language Modeling with Pathways", authors="Chowdhery et al.", year=2022,
        venue="JMLR", url="https://arxiv.org/abs/2204.02311", arxiv="2204.02311",
    )  # fmt: skip
    reads = ("student.lse",)

    def value(self, view: View, T: float, options: Options) -> Tensor:
        return view.lse(T) ** 2

    def slope(self, view: View, T: float, options: Options) -> Slope:
        lse = view.lse(T).detach()
        return Slope(lse**2, total=-2 * lse)  # by the logits 2 lse q / T
