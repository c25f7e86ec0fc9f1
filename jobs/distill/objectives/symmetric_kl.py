"""Symmetric KL: forward and reverse KL side by side with fixed shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import Paper, Part, Slope, TailOptions

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class SymmetricOptions(TailOptions):
    gamma: float = Field(
        0.5, ge=0, le=1, title="Share of forward KL", description="1 is forward KL, 0 is reverse KL, one half treats both alike.",
    )  # fmt: skip


class SymmetricKL(Part):
    id = "symmetric-kl"
    title = "Symmetric KL"
    summary = "A fixed mixture of forward and reverse KL; unlike the JSD it is unbounded, so gaps keep their weight."
    when_to_use = "When forward KL alone spreads the student too thin but the JSD's gradients are too small."
    formula = r"\ell = \gamma\,\mathrm{KL}(p_T \,\|\, q_T) + (1-\gamma)\,\mathrm{KL}(q_T \,\|\, p_T)"
    paper = Paper(
        title="On Information and Sufficiency", authors="Kullback, Leibler", year=1951,
        venue="Annals of Mathematical Statistics", url="https://doi.org/10.1214/aoms/1177729694",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = SymmetricOptions

    def value(self, view: View, T: float, options: SymmetricOptions) -> Tensor:
        from . import maths

        lp, lq = view.pair(T, options.tail, options.support)
        return options.gamma * maths.kl(lp, lq) + (1 - options.gamma) * maths.kl(lq, lp)

    def slope(self, view: View, T: float, options: SymmetricOptions) -> Slope:
        import torch

        gamma = options.gamma

        def work(p: Tensor, q: Tensor, r: Tensor, g: Tensor) -> Tensor:
            forward = (p * r).sum(-1)
            torch.mul(q, r, out=g)
            value = gamma * forward - (1 - gamma) * g.sum(-1)
            g.mul_(1 - gamma).add_(p, alpha=gamma)
            return value

        value, g = view.fill(T, work)
        return Slope(value, dense=g, factor=-1.0, owned=True)
