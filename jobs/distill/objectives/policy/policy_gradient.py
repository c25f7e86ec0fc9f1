"""Policy gradient on rewards: GRPO's clipped ratio with advantages inside the group of answers to one prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ..base import Objective, Options, Paper, SequencePart
from ..label_reads import logq_y

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences

AVERAGE_HELP = "answer: each answer counts alike, whatever its length. token: an answer counts by the number of its tokens, as a plain sum."


class PolicyOptions(Options):
    clip: float = Field(
        0.2, ge=0, lt=1, title="Clip",
        description="The ratio to the policy that wrote the answer stops earning beyond 1 - clip and 1 + clip. 0: never clipped.",
    )  # fmt: skip
    average: Literal["answer", "token"] = Field("answer", title="Average over", description=AVERAGE_HELP)


class RewardOptions(PolicyOptions):
    normalise: bool = Field(
        True, title="Divide by the spread",
        description="Advantages are divided by the standard deviation of the group's rewards (GRPO); off: only centred (Dr. GRPO).",
    )  # fmt: skip


class PolicyGradient(SequencePart):
    id = "policy-gradient"
    title = "Policy gradient on rewards"
    summary = "Answers that are rewarded above their group become likelier, the others less likely."
    when_to_use = "With a reward by rule and several answers a prompt; alone it is GRPO without a teacher."
    formula = r"\ell = -\frac{1}{|y|}\sum_n \min\bigl(\rho_n A,\ \mathrm{clip}(\rho_n, 1-\epsilon, 1+\epsilon)\,A\bigr),\quad \rho_n = \frac{q(y_n)}{q_{old}(y_n)},\ A = \frac{r - \bar r}{\sigma_r}"
    paper = Paper(
        title="DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models",
        authors="Shao, Wang, Zhu, Xu, Song, Bi, Zhang, Zhang, Li, Wu, Guo", year=2024, venue="arXiv",
        url="https://arxiv.org/abs/2402.03300", arxiv="2402.03300",
    )  # fmt: skip
    reads = ("student.logq_at_label",)
    needs = frozenset({"rollouts", "reward", "old_logq"})
    Options = RewardOptions

    def reads_of(self, T: float, options: RewardOptions) -> tuple[Objective, ...]:
        return (logq_y(T),)

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: RewardOptions) -> Tensor:
        from ...rewards.advantages import group_advantages
        from . import maths

        (lq,) = values
        advantage = group_advantages(batch.features["reward"].to(lq.dtype), batch.group, options.normalise)
        ratio = maths.log_ratio(lq, batch).exp()
        return maths.per_group(maths.clipped(ratio, advantage[batch.of], options.clip), batch, options.average)
