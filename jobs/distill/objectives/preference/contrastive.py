"""DistiLLM-2 with a skew for each answer: what is hard for the student gets more of the teacher mixed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ..base import Objective, Options, Paper, SequencePart
from ..label_reads import logp_y, logq_y
from ..reverse_skew_kl import ReverseSkewKL, ReverseSkewOptions
from ..skew_kl import SkewKL, SkewOptions
from .pairs import NEEDS_REFERENCE

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences

DISTILLM_2 = Paper(
    title="DistiLLM-2: A Contrastive Approach Boosts the Distillation of LLMs",
    authors="Ko, Chen, Kim, Ding, Liang, Zharkov, Yun",
    year=2025, venue="ICML", url="https://arxiv.org/abs/2503.07067", arxiv="2503.07067",
)  # fmt: skip

LEAST = 0.01  # of a skew: below it the gradient of the skew divergences loses its bound


class ContrastiveOptions(Options):
    beta: float = Field(
        1.0, ge=0, le=2, title="Weight of the student's answers",
        description="The teacher's answers weigh 2 - beta, the student's beta.",
    )  # fmt: skip
    alpha: float = Field(
        0.1, ge=LEAST, lt=1, title="Largest skew", description="The skew of an answer with a wide gap."
    )
    usual_gap: float = Field(
        0.2, gt=0, le=1, title="Usual gap",
        description="Gap between both models' mean label probability of a common answer: one with this gap gets the largest "
        "skew, much easier ones the least.",
    )  # fmt: skip
    rungs: int = Field(
        4, ge=2, le=16, title="Steps of the skew",
        description="The skew is rounded to this many values, all taken from one pass over the output layer.",
    )  # fmt: skip


class Contrastive(SequencePart):
    """All rungs come from one pass over the output layer, because an answer's skew is known only when the pass is over."""

    id = "contrastive-skew"
    title = "Contrastive skew KL with a curriculum"
    summary = (
        "Skew KL on the teacher's answers plus reverse skew KL on the student's, with a skew that follows each answer's gap "
        "between the models."
    )
    when_to_use = (
        "DistiLLM-2 where some answers are far harder than others; with one skew for all, two plain terms cost less."
    )
    formula = (
        r"\ell = (2-\beta)\,\overline{\mathrm{SKL}_{\alpha_c}}(y_c) + \beta\,\overline{\mathrm{SRKL}_{\alpha_r}}(y_r),\quad"
        r"\alpha = \mathrm{clip}\bigl(1 - (1-\alpha_0)\tfrac{g_0}{|\bar p - \bar q|},\ 0.01,\ \alpha_0\bigr)"
    )
    paper = DISTILLM_2
    reads = ("student.logq", "teacher.logp")
    needs = NEEDS_REFERENCE
    Options = ContrastiveOptions

    def reads_of(self, T: float, options: ContrastiveOptions) -> tuple[Objective, ...]:
        ladder = skews(options)
        forward = [Objective(SkewKL(), SkewOptions(alpha=a), T) for a in ladder]
        reverse = [Objective(ReverseSkewKL(), ReverseSkewOptions(alpha=a, detach_mix=True), T) for a in ladder]
        return (logq_y(T), logp_y(T), *forward, *reverse)

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: ContrastiveOptions) -> Tensor:
        n = options.rungs
        rung = self.rung_of(values[0].detach(), values[1], batch, options)
        chosen = batch.one(_picked(values[2 : 2 + n], rung, batch), "chosen")
        rejected = batch.one(_picked(values[2 + n :], rung, batch), "rejected")
        return (2 - options.beta) * chosen + options.beta * rejected

    @staticmethod
    def rung_of(logq: Tensor, logp: Tensor, batch: Sequences, options: ContrastiveOptions) -> Tensor:
        """The step of the ladder nearest to each answer's skew, int64 [S]."""
        gap = (batch.means(logp.exp()) - batch.means(logq.exp())).abs().clamp_min(1e-6)
        alpha = (1 - (1 - options.alpha) * options.usual_gap / gap).clamp(LEAST, options.alpha)
        ladder = alpha.new_tensor(skews(options))
        return (alpha[:, None] - ladder).abs().argmin(1)


def skews(options: ContrastiveOptions) -> list[float]:
    """The ladder from the least to the largest skew."""
    n = options.rungs - 1
    return [LEAST + (options.alpha - LEAST) * i / n for i in range(n + 1)]


def _picked(columns: list[Tensor], rung: Tensor, batch: Sequences) -> Tensor:
    """Each answer's mean at its own rung, [S]."""
    import torch

    means = torch.stack([batch.means(c) for c in columns], -1)
    return means.gather(1, rung[:, None])[:, 0]
