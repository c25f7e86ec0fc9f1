"""Cross-entropy against the teacher's k most likely tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import Options, Paper, Part

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class TopKOptions(Options):
    k: int = Field(
        16, ge=1, le=4096, title="K", description="Tokens of the teacher that make the target. 1 is fine-tuning on its greedy choice.",
    )  # fmt: skip


class TopKCrossEntropy(Part):
    id = "top-k-cross-entropy"
    title = "Top-k soft cross-entropy"
    summary = "Cross-entropy against the teacher's k most likely tokens, renormalised; the student's whole distribution is pushed."
    when_to_use = (
        "With few recorded tokens a position, or when the teacher's tail is not to be trusted. Sharpens the student."
    )
    formula = r"\ell = -\sum_{v \in K} \bar p_T(v) \log q_T(v),\quad \bar p = p / p(K)"
    paper = Paper(
        title="Pre-training Distillation for Large Language Models: A Design Space Exploration",
        authors="Peng, Lv, Bai, Yao, Zhang, Hou, Li", year=2024, venue="arXiv", url="https://arxiv.org/abs/2410.16215",
        arxiv="2410.16215",
    )  # fmt: skip
    reads = ("student.logq_at", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = TopKOptions

    def value(self, view: View, T: float, options: TopKOptions) -> Tensor:
        from . import maths

        lp, lq = view.top(T, options.k)
        return -(maths.renormalised(lp).exp() * lq).sum(-1)
