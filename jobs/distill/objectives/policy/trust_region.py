"""Policy gradient whose trust region is anchored between the old policy and the teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ..base import Objective, Paper, SequencePart
from ..label_reads import logp_y, logq_y
from .policy_gradient import RewardOptions

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences


class TrustRegionOptions(RewardOptions):
    share: float = Field(
        0.1, ge=0, lt=1, title="Share of the teacher",
        description="a in the anchor (1 - a) q_old + a p. 0 is the plain policy gradient.",
    )  # fmt: skip


class TrustRegion(SequencePart):
    id = "trust-region-ratio"
    title = "Policy gradient anchored at the teacher"
    summary = "The clipped ratio is taken to a mixture of old policy and teacher: imitation only where the reward supports it."
    when_to_use = "With a reward by rule and a teacher whose every habit should not be copied."
    formula = r"\ell = -\frac{1}{|y|}\sum_n \min\bigl(\rho_n A,\ \mathrm{clip}(\rho_n, 1-\epsilon, 1+\epsilon)\,A\bigr),\quad \rho_n = \frac{q(y_n)}{(1-a)\,q_{old}(y_n) + a\,p(y_n)}"
    paper = Paper(
        title="Reinforcement-aware Knowledge Distillation for LLM Reasoning",
        authors="Zhang, Jiang, Shen, Zhang, Ram, Yang, Tu, Xia, Soatto", year=2026, venue="arXiv",
        url="https://arxiv.org/abs/2602.22495", arxiv="2602.22495",
    )  # fmt: skip
    reads = ("student.logq_at_label", "teacher.logp_at_label")
    needs = frozenset({"teacher", "same_vocabulary", "rollouts", "reward", "old_logq"})
    Options = TrustRegionOptions

    def reads_of(self, T: float, options: TrustRegionOptions) -> tuple[Objective, ...]:
        return (logq_y(T), logp_y(T))

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: TrustRegionOptions) -> Tensor:
        import math

        import torch

        from ...rewards.advantages import group_advantages
        from . import maths

        lq, lp = values
        anchor = lq.detach() - maths.log_ratio(lq, batch).detach()  # log q_old
        if options.share > 0:
            anchor = torch.logaddexp(math.log1p(-options.share) + anchor, math.log(options.share) + lp)
        advantage = group_advantages(batch.features["reward"].to(lq.dtype), batch.group, options.normalise)
        loss = maths.clipped((lq - anchor).exp(), advantage[batch.of], options.clip)
        return maths.per_group(loss, batch, options.average)
