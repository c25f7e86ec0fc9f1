"""Reverse skew KL of DistiLLM, with DistiLLM-2's constant mixture as an option."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import Part, Slope
from .reverse_kl import ReverseKL
from .skew_kl import DISTILLM, SkewOptions

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class ReverseSkewOptions(SkewOptions):
    detach_mix: bool = Field(
        False, title="Constant mixture",
        description="No gradient through the mixture, as in DistiLLM-2 (arXiv:2503.07067). The value stays the same.",
    )  # fmt: skip


class ReverseSkewKL(Part):
    id = "reverse-skew-kl"
    title = "Reverse skew KL"
    summary = "KL of the student q against a mixture of a little q and the teacher p: reverse KL that stays finite."
    when_to_use = "Where reverse KL is wanted but the teacher gives almost no weight to what the student says."
    formula = r"\ell = \mathrm{KL}\bigl(q_T \,\|\, \alpha q_T + (1-\alpha) p_T\bigr)"
    paper = DISTILLM
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = ReverseSkewOptions

    def value(self, view: View, T: float, options: ReverseSkewOptions) -> Tensor:
        from . import maths

        lp, lq = view.pair(T, options.tail, options.support)
        mix = maths.log_mix(lq, lp, options.alpha)
        return maths.kl(lq, mix.detach() if options.detach_mix else mix)

    def slope(self, view: View, T: float, options: ReverseSkewOptions) -> Slope:
        from . import maths

        alpha = options.alpha
        if alpha == 0:
            return ReverseKL().slope(view, T, options)

        def work(p: Tensor, q: Tensor, r: Tensor, g: Tensor) -> Tensor:
            # log m - log q = log(alpha + (1 - alpha) e^r): the teacher's share of the mixture is 1 - alpha
            value = -maths.log_mix_over_second(r, 1 - alpha, out=g).mul_(q).sum(-1)
            if not options.detach_mix:  # the mixture's own derivative q * alpha q / m, up to a multiple of q
                g.addcmul_(q, maths.share_of_first(r, 1 - alpha), value=-1.0)
            return value

        value, g = view.fill(T, work)
        return Slope(value, dense=g, factor=-1.0, owned=True)
