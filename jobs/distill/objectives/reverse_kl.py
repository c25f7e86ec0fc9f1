"""Reverse KL: the student stays where the teacher is likely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Paper, Part, Slope, TailOptions

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class ReverseKL(Part):
    id = "reverse-kl"
    title = "Reverse KL"
    summary = "KL(q || p) of the student q against the teacher p: mode-seeking."
    when_to_use = "For a student too small to cover the teacher: it picks what it can say well and drops the rest."
    formula = r"\ell = \sum_v q_T(v)\,\bigl(\log q_T(v) - \log p_T(v)\bigr)"
    paper = Paper(
        title="MiniLLM: Knowledge Distillation of Large Language Models", authors="Gu, Dong, Wei, Huang", year=2024,
        venue="ICLR", url="https://arxiv.org/abs/2306.08543", arxiv="2306.08543",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = TailOptions

    def value(self, view: View, T: float, options: TailOptions) -> Tensor:
        from . import maths

        lp, lq = view.pair(T, options.tail, options.support)
        return maths.kl(lq, lp)

    def slope(self, view: View, T: float, options: TailOptions) -> Slope:
        import torch

        def work(p: Tensor, q: Tensor, r: Tensor, g: Tensor) -> Tensor:
            return torch.mul(q, r, out=g).sum(-1)  # minus KL(q || p)

        inner, g = view.fill(T, work)
        return Slope(-inner, dense=g, factor=-1.0, total=-inner, owned=True)
