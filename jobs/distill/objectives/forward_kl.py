"""Forward KL: the student covers everything the teacher would say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import ForwardTailOptions, Paper, Part, Slope

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class ForwardKL(Part):
    id = "forward-kl"
    title = "Forward KL"
    summary = "KL(p || q) of the teacher p against the student q: mass-covering, the usual soft-target loss."
    when_to_use = "The default divergence on fixed rows. It asks the student to give weight wherever the teacher does."
    formula = r"\ell = \sum_v p_T(v)\,\bigl(\log p_T(v) - \log q_T(v)\bigr)"
    paper = Paper(
        title="Distilling the Knowledge in a Neural Network", authors="Hinton, Vinyals, Dean", year=2015,
        venue="NIPS Deep Learning Workshop", url="https://arxiv.org/abs/1503.02531", arxiv="1503.02531",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = ForwardTailOptions

    def value(self, view: View, T: float, options: ForwardTailOptions) -> Tensor:
        from . import maths

        if options.tail == "sampled" and not view.dense:
            return _by_draws(*view.sampled(T))
        return maths.kl(*view.pair(T, options.tail, options.support))

    def slope(self, view: View, T: float, options: ForwardTailOptions) -> Slope:
        return Slope(view.forward_kl(T), dense=view.p(T), factor=-1.0, total=-1.0)


def _by_draws(w: Tensor, lp: Tensor, lq: Tensor) -> Tensor:
    """Unbiased in value and gradient. q / p - 1, whose expectation is zero, keeps the shown value from going below zero."""
    balance = w * ((lq - lp).exp() - 1)
    return (w * (lp - lq) + balance.detach()).sum(-1)
