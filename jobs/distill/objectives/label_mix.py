"""Label mixing: one soft target made of the gold token and the teacher's distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import ForwardTailOptions, Paper, Part, Slope

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class LabelMixOptions(ForwardTailOptions):
    share: float = Field(
        0.5, ge=0, le=1, title="Share of the label",
        description="a in the target a * one-hot + (1 - a) * teacher. 1 is plain cross-entropy, 0 is forward KL plus a constant.",
    )  # fmt: skip


class LabelMix(Part):
    id = "label-mix"
    title = "Label mixing"
    summary = "Cross-entropy against a mixture of the answer token and the teacher's distribution."
    when_to_use = "When the gold answer is right but narrow, and the teacher knows the alternatives."
    formula = r"\ell = -\sum_v \bigl(a\,[v=y] + (1-a)\,p_T(v)\bigr)\log q_T(v)"
    paper = Paper(
        title="Logits-Based Finetuning", authors="Li, Yang, Wu, Shi, Zheng, Xu, Jia", year=2025,
        venue="EMNLP", url="https://arxiv.org/abs/2505.24461", arxiv="2505.24461",
    )  # fmt: skip
    reads = ("student.logq", "student.logq_at_label", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary", "labels"})
    Options = LabelMixOptions

    def value(self, view: View, T: float, options: LabelMixOptions) -> Tensor:
        if options.tail == "sampled" and not view.dense:
            w, _, lq = view.sampled(T)
            soft = -(w * lq).sum(-1)
        else:
            lp, lq = view.pair(T, options.tail, options.support)
            soft = -(lp.exp() * lq).sum(-1)
        return -options.share * view.label_logq(T) + (1 - options.share) * soft

    def slope(self, view: View, T: float, options: LabelMixOptions) -> Slope:
        a, log_label = options.share, view.label_logq(T).detach()
        ids = view.labels[:, None]
        value = -a * log_label - (1 - a) * view.mean_logq(T)
        sparse = log_label.new_full(ids.shape, -a)
        return Slope(value, dense=view.p(T), factor=a - 1, total=-1.0, ids=ids, sparse=sparse)
