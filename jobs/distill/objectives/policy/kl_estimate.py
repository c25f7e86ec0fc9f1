"""Reverse KL to the teacher from the written tokens alone, as a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from ..base import Objective, Options, Paper, SequencePart
from ..label_reads import logp_y, logq_y
from .policy_gradient import AVERAGE_HELP

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences


class EstimateOptions(Options):
    estimator: Literal["k1", "k2", "k3"] = Field(
        "k2", title="Estimator",
        description="k2, half the squared log-ratio, has the gradient of reverse KL. k3 has that of forward KL. k1 has none and is refused.",
    )  # fmt: skip
    only: Literal["all", "wrong", "failed_groups"] = Field(
        "all", title="Only for",
        description="all: every answer. wrong: answers without the full reward. failed_groups: prompts none of whose answers is right.",
    )  # fmt: skip
    average: Literal["answer", "token"] = Field("answer", title="Average over", description=AVERAGE_HELP)

    @field_validator("estimator")
    @classmethod
    def _it_has_a_gradient(cls, value: str) -> str:
        if value == "k1":
            raise ValueError(
                "the expected gradient of k1 as a loss is zero: nothing would be learned; use estimator: k2"
            )
        return value


class KLEstimate(SequencePart):
    id = "kl-estimate"
    title = "Estimated reverse KL"
    summary = "KL(q || p) to the teacher estimated from the tokens the student wrote."
    when_to_use = "Beside a policy gradient on rewards, to keep the student close to its teacher."
    formula = r"\ell = \frac{1}{|y|}\sum_n \tfrac12\bigl(\log q(y_n) - \log p(y_n)\bigr)^2"
    paper = Paper(
        title="KDRL: Post-Training Reasoning LLMs via Unified Knowledge Distillation and Reinforcement Learning",
        authors="Xu, Zhu, Deng, Li, Hou, Wang, Shang, Xu, Mi", year=2025, venue="arXiv",
        url="https://arxiv.org/abs/2506.02208", arxiv="2506.02208",
    )  # fmt: skip
    reads = ("student.logq_at_label", "teacher.logp_at_label")
    needs = frozenset({"teacher", "same_vocabulary", "rollouts"})
    Options = EstimateOptions

    def reads_of(self, T: float, options: EstimateOptions) -> tuple[Objective, ...]:
        return (logq_y(T), logp_y(T))

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: EstimateOptions) -> Tensor:
        from . import maths

        lq, lp = values
        estimate = maths.kl_estimate(lq, lp, options.estimator)
        if options.only != "all":
            right = (batch.features["reward"] >= 1).to(estimate.dtype)  # [S]
            solved = right if options.only == "wrong" else batch.by_group(right).clamp_max(1)[batch.group]
            estimate = estimate * (1 - solved)[batch.of]
        return maths.per_group(estimate, batch, options.average)
