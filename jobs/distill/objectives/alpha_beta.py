"""Alpha-beta divergence of ABKD: one family with both KLs, Hellinger and the squared distance in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import Paper, Part, Slope, TailOptions

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class AlphaBetaOptions(TailOptions):
    alpha: float = Field(
        0.2, ge=0.01, le=2, title="Alpha",
        description="How much large differences count. Towards 1 with beta towards 0: forward KL.",
    )  # fmt: skip
    beta: float = Field(
        0.7, ge=0.01, le=2, title="Beta",
        description="How much tokens count that the student already prefers. Towards 1 with alpha towards 0: reverse KL.",
    )  # fmt: skip


class AlphaBeta(Part):
    id = "alpha-beta"
    title = "Alpha-beta divergence"
    summary = "Two knobs between covering the teacher and picking its modes; contains both KLs as limits."
    when_to_use = "To tune between forward and reverse KL more finely than the generalised JSD allows."
    formula = (
        r"\ell = -\frac{1}{\alpha\beta} \sum_v \Bigl[p^\alpha q^\beta"
        r" - \tfrac{\alpha}{\alpha+\beta} p^{\alpha+\beta} - \tfrac{\beta}{\alpha+\beta} q^{\alpha+\beta}\Bigr]"
    )
    paper = Paper(
        title="ABKD: Pursuing a Proper Allocation of the Probability Mass in Knowledge Distillation via α-β-Divergence",
        authors="Wang et al.", year=2025, venue="ICML", url="https://arxiv.org/abs/2505.04560", arxiv="2505.04560",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = AlphaBetaOptions

    def value(self, view: View, T: float, options: AlphaBetaOptions) -> Tensor:
        lp, lq = view.pair(T, options.tail, options.support)
        a, b = options.alpha, options.beta
        both = a + b
        inner = (a * lp + b * lq).exp() - a / both * (both * lp).exp() - b / both * (both * lq).exp()
        return -inner.sum(-1) / (a * b)

    def slope(self, view: View, T: float, options: AlphaBetaOptions) -> Slope:
        a, b = options.alpha, options.beta

        def work(p: Tensor, q: Tensor, r: Tensor, g: Tensor) -> Tensor:
            pa, qa, qb = p.pow(a), q.pow(a), q.pow(b)
            third = (pa * p.pow(b)).mul_(a).add_(qa * qb, alpha=b).sum(-1) / (a + b)
            value = (third - (pa * qb).sum(-1)) / (a * b)
            g.copy_(qa).sub_(pa).mul_(qb)
            return value

        value, g = view.fill(T, work)
        return Slope(value, dense=g, factor=1 / a, owned=True)
