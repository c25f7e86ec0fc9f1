"""Total variation distance: how much probability must move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Paper, Part, Slope, TailOptions

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class TotalVariation(Part):
    id = "tvd"
    title = "Total variation distance"
    summary = "Half the sum of absolute differences of the two distributions; between 0 and 1, with bounded gradients."
    when_to_use = (
        "When rare tokens with wild log-ratios dominate the KLs. Slow from a cold start: its gradient never grows."
    )
    formula = r"\ell = \tfrac12 \sum_v \bigl|p_T(v) - q_T(v)\bigr|"
    paper = Paper(
        title="f-Divergence Minimization for Sequence-Level Knowledge Distillation", authors="Wen, Li, Du, Mou", year=2023,
        venue="ACL", url="https://arxiv.org/abs/2307.15190", arxiv="2307.15190",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = TailOptions

    def value(self, view: View, T: float, options: TailOptions) -> Tensor:
        lp, lq = view.pair(T, options.tail, options.support)
        return 0.5 * (lp.exp() - lq.exp()).abs().sum(-1)

    def slope(self, view: View, T: float, options: TailOptions) -> Slope:
        import torch

        def work(p: Tensor, q: Tensor, r: Tensor, g: Tensor) -> Tensor:
            torch.sub(q, p, out=g)
            value = 0.5 * g.abs().sum(-1)
            g.sign_().mul_(q)
            return value

        value, g = view.fill(T, work)
        return Slope(value, dense=g, factor=0.5, owned=True)
