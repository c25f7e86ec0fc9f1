"""Confidence penalty: minus the student's entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Options, Paper, Part

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class ConfidencePenalty(Part):
    id = "confidence-penalty"
    title = "Confidence penalty"
    summary = "Minus the entropy of the student: a reward for keeping several answers open."
    when_to_use = "Beside another term with a small weight, when the student becomes overconfident or repeats itself."
    formula = r"\ell = \sum_v q_T(v) \log q_T(v)"
    paper = Paper(
        title="Regularizing Neural Networks by Penalizing Confident Output Distributions",
        authors="Pereyra, Tucker, Chorowski, Kaiser, Hinton", year=2017, venue="ICLR workshop",
        url="https://arxiv.org/abs/1701.06548", arxiv="1701.06548",
    )  # fmt: skip
    reads = ("student.logq",)

    def value(self, view: View, T: float, options: Options) -> Tensor:
        lq = view.logq(T)
        return (lq.exp() * lq).sum(-1)
