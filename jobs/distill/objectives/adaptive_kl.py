"""Adaptive KL: forward or reverse, whichever part of the vocabulary needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import Paper, Part, Slope, TailOptions

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class AdaptiveOptions(TailOptions):
    mu: float = Field(
        0.5, gt=0, lt=1, title="Head's share",
        description="The teacher's least likely tokens that together hold this much probability are the tail; the rest is the head.",
    )  # fmt: skip


class AdaptiveKL(Part):
    id = "adaptive-kl"
    title = "Adaptive KL"
    summary = (
        "Forward and reverse KL, weighted at each position by where the gap is: among likely tokens or in the tail."
    )
    when_to_use = "When neither KL alone is right for all positions. Sorts the vocabulary, so it costs more time."
    formula = (
        r"\ell = \frac{g_h\,\mathrm{KL}(p\,\|\,q) + g_t\,\mathrm{KL}(q\,\|\,p)}{g_h + g_t},"
        r"\quad g = \sum |p - q| \text{ over head and tail}"
    )
    paper = Paper(
        title="Rethinking Kullback-Leibler Divergence in Knowledge Distillation for Large Language Models",
        authors="Wu, Tao, Wang, Yang, Zhao, Wong", year=2025, venue="COLING", url="https://arxiv.org/abs/2404.02657",
        arxiv="2404.02657",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = AdaptiveOptions

    def value(self, view: View, T: float, options: AdaptiveOptions) -> Tensor:
        from . import maths

        lp, lq = view.pair(T, options.tail, options.support)
        head = _head_share(lp.exp(), lq.detach().exp(), options.mu)
        return head * maths.kl(lp, lq) + (1 - head) * maths.kl(lq, lp)

    def slope(self, view: View, T: float, options: AdaptiveOptions) -> Slope:
        import torch

        def work(p: Tensor, q: Tensor, r: Tensor, g: Tensor) -> Tensor:
            head = _head_share(p, q, options.mu)
            forward = (p * r).sum(-1)
            torch.mul(q, r, out=g)
            value = head * forward - (1 - head) * g.sum(-1)
            g.mul_(1 - head[:, None]).addcmul_(p, head[:, None])
            return value

        value, g = view.fill(T, work)
        return Slope(value, dense=g, factor=-1.0, owned=True)


def _head_share(p: Tensor, q: Tensor, mu: float) -> Tensor:
    """Share of the gap |p - q| that lies in the head, [n]; one half where there is no gap."""
    rising, order = p.sort(-1)
    gap = (p - q).abs()
    in_tail = rising.cumsum(-1) <= mu
    tail = (gap.gather(-1, order) * in_tail).sum(-1)
    whole = gap.sum(-1)
    return ((whole - tail) / whole).where(whole > 0, whole.new_tensor(0.5))
