"""On-policy distillation as a policy gradient: every token of the student's answer is rewarded by the teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..base import Objective, Paper, SequencePart
from ..label_reads import logp_y, logq_y
from .policy_gradient import PolicyOptions

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences


class OnPolicyOptions(PolicyOptions):
    clip: float = Field(0.0, ge=0, lt=1, title="Clip", description=PolicyOptions.model_fields["clip"].description)
    coefficient: float = Field(
        1.0, gt=0, le=1000, title="Coefficient", description="c in the reward -c (log q - log p) of each token."
    )
    discount: float = Field(
        0.0, ge=0, le=1, title="Discount",
        description="How much of the later tokens' rewards a token is credited with. 0: only its own, as published.",
    )  # fmt: skip


def _reward(lq: Tensor, lp: Tensor, batch: Sequences, options: Any) -> Tensor:
    """-c (log q - log p), constant, discounted over what comes later; [N]."""
    from . import maths

    return maths.discounted(-options.coefficient * (lq.detach() - lp), batch, options.discount)


class OnPolicyKD(SequencePart):
    id = "on-policy-kd"
    title = "On-policy distillation"
    summary = "The student's own tokens are rewarded by log p - log q: reverse KL, one sampled token at a time."
    when_to_use = "The student writes, the teacher grades every token; the teacher's whole distribution is never kept."
    formula = r"\ell = -\frac{1}{|y|}\sum_n \rho_n A_n,\quad A_n = -c\,\bigl(\log q(y_n) - \log p(y_n)\bigr)\ \text{(constant)}"
    paper = Paper(
        title="On-Policy Distillation", authors="Lu, Thinking Machines Lab", year=2025, venue="Thinking Machines Lab: Connectionism",
        url="https://thinkingmachines.ai/blog/on-policy-distillation/",
    )  # fmt: skip
    reads = ("student.logq_at_label", "teacher.logp_at_label")
    needs = frozenset({"teacher", "same_vocabulary", "rollouts", "old_logq"})
    Options = OnPolicyOptions

    def reads_of(self, T: float, options: OnPolicyOptions) -> tuple[Objective, ...]:
        return (logq_y(T), logp_y(T))

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: OnPolicyOptions) -> Tensor:
        from . import maths

        lq, lp = values
        ratio = maths.log_ratio(lq, batch).exp()
        loss = maths.clipped(ratio, _reward(lq, lp, batch, options), options.clip)
        return maths.per_group(loss, batch, options.average)


class EarlyOptions(OnPolicyOptions):
    gamma: float = Field(
        0.5, ge=0, le=10, title="Weight of early tokens",
        description="The first token counts 1 + gamma times, the last 1; in between by how much of the answer's disagreement is still to come.",
    )  # fmt: skip


class EarlyOnPolicyKD(OnPolicyKD):
    id = "iw-on-policy-kd"
    title = "On-policy distillation, early tokens first"
    summary = "On-policy distillation in which tokens before most of the disagreement weigh more."
    when_to_use = "Long answers, where one early mistake spoils everything after it."
    formula = (
        r"\ell = -\frac{1}{|y|}\sum_n \rho_n A_n \Bigl[1+\gamma\Bigl(1-\frac{\sum_{u<n}|A_u|}{\sum_u |A_u|}\Bigr)\Bigr]"
    )
    paper = Paper(
        title="TRL: Transformer Reinforcement Learning (iw_opd trainer)", authors="von Werra, Belkada, Tunstall, Beeching, Thrush, Lambert, Huang, Rasul, Gallouedec",
        year=2020, venue="software", url="https://github.com/huggingface/trl",
    )  # fmt: skip
    Options = EarlyOptions

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: Any) -> Tensor:
        from . import maths

        lq, lp = values
        advantage = _reward(lq, lp, batch, options)
        ratio = maths.log_ratio(lq, batch).exp()
        weighed = advantage * maths.early_weights(advantage, batch, options.gamma)
        return maths.per_group(maths.clipped(ratio, weighed, options.clip), batch, options.average)
