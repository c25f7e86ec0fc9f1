"""Generalised Jensen-Shannon divergence: between forward and reverse KL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import Paper, Part, Slope, TailOptions
from .forward_kl import ForwardKL
from .reverse_kl import ReverseKL

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class JsdOptions(TailOptions):
    beta: float = Field(
        0.5, ge=0, le=1, title="Beta",
        description="Share of the teacher in the mixture. 0 is forward KL, 1 is reverse KL, one half is the symmetric JSD.",
    )  # fmt: skip


class GeneralisedJSD(Part):
    id = "jsd"
    title = "Generalised Jensen-Shannon divergence"
    summary = (
        "Both distributions against their mixture m; bounded, and between forward (beta 0) and reverse KL (beta 1)."
    )
    when_to_use = "When forward KL spreads the student too thin and reverse KL makes it repeat itself."
    formula = r"\ell = \beta\,\mathrm{KL}(p_T \,\|\, m) + (1-\beta)\,\mathrm{KL}(q_T \,\|\, m),\quad m = \beta p_T + (1-\beta) q_T"
    paper = Paper(
        title="On-Policy Distillation of Language Models: Learning from Self-Generated Mistakes",
        authors="Agarwal, Vieillard, Zhou, Stanczyk, Ramos, Geist, Bachem", year=2024,
        venue="ICLR", url="https://arxiv.org/abs/2306.13649", arxiv="2306.13649",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = JsdOptions

    def value(self, view: View, T: float, options: JsdOptions) -> Tensor:
        from . import maths

        lp, lq = view.pair(T, options.tail, options.support)
        beta = options.beta
        if beta in (0, 1):  # the divergence itself tends to 0 there; its published limits are the two KLs
            return maths.kl(lp, lq) if beta == 0 else maths.kl(lq, lp)
        lm = maths.log_mix(lp, lq, beta)
        return beta * maths.kl(lp, lm) + (1 - beta) * maths.kl(lq, lm)

    def slope(self, view: View, T: float, options: JsdOptions) -> Slope:
        import torch

        from . import maths

        beta = options.beta
        if beta in (0, 1):
            return (ForwardKL() if beta == 0 else ReverseKL()).slope(view, T, options)  # type: ignore[arg-type]

        def work(p: Tensor, q: Tensor, r: Tensor, g: Tensor) -> Tensor:
            maths.log_mix_over_second(r, beta, out=g)  # log m - log q
            teacher = r.sub_(g).mul_(p).sum(-1)  # KL(p || m)
            student = g.mul_(q).sum(-1)  # minus KL(q || m)
            return torch.stack([beta * teacher - (1 - beta) * student, (beta - 1) * student], -1)

        both, g = view.fill(T, work)
        return Slope(both[:, 0], dense=g, factor=beta - 1, total=both[:, 1], owned=True)
