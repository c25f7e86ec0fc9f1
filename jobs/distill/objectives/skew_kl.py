"""Skew KL of DistiLLM: forward KL against a student that is helped by a little of the teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import Paper, Part, Slope, TailOptions
from .forward_kl import ForwardKL

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View

DISTILLM = Paper(
    title="DistiLLM: Towards Streamlined Distillation for Large Language Models", authors="Ko, Kim, Chen, Yun",
    year=2024, venue="ICML", url="https://arxiv.org/abs/2402.03898", arxiv="2402.03898",
)  # fmt: skip


class SkewOptions(TailOptions):
    alpha: float = Field(
        0.1, ge=0, lt=1, title="Skew",
        description="Share of the first distribution mixed into the second. 0 is the plain KL; DistiLLM uses 0.1.",
    )  # fmt: skip


class SkewKL(Part):
    id = "skew-kl"
    title = "Skew KL"
    summary = (
        "KL of the teacher p against a mixture of a little p and the student q: forward KL with bounded gradients."
    )
    when_to_use = (
        "When forward KL is unstable early on because the student gives almost no weight to the teacher's tokens."
    )
    formula = r"\ell = \mathrm{KL}\bigl(p_T \,\|\, \alpha p_T + (1-\alpha) q_T\bigr)"
    paper = DISTILLM
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = SkewOptions

    def value(self, view: View, T: float, options: SkewOptions) -> Tensor:
        from . import maths

        lp, lq = view.pair(T, options.tail, options.support)
        return maths.kl(lp, maths.log_mix(lp, lq, options.alpha))

    def slope(self, view: View, T: float, options: SkewOptions) -> Slope:
        from . import maths

        alpha = options.alpha
        if alpha == 0:
            return ForwardKL().slope(view, T, options)  # type: ignore[arg-type]

        def work(p: Tensor, q: Tensor, r: Tensor, g: Tensor) -> Tensor:
            s = maths.log_mix_over_second(r, alpha, out=g)  # log m - log q
            value = (r - s).mul_(p).sum(-1)
            g.neg_().exp_().mul_(p).mul_(1 - alpha)  # p (1 - alpha) q / m
            return value

        value, g = view.fill(T, work)
        return Slope(value, dense=g, factor=-1.0, owned=True)
