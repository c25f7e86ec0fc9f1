"""The token weights: by the teacher's entropy, the student's difficulty, their gap, or confidence times need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ..parts import Options, Paper
from .base import Weighting

if TYPE_CHECKING:
    from torch import Tensor

    from ..objectives.view import View


class EntropyOptions(Options):
    prefer: Literal["sure", "unsure"] = Field(
        "sure", title="Prefer tokens where the teacher is", description="sure: low entropy counts. unsure: forks in the text count.",
    )  # fmt: skip
    power: float = Field(1.0, gt=0, le=10, title="Power", description="Above 1 the preference is sharper.")


class TeacherEntropy(Weighting):
    id = "teacher-entropy"
    title = "Teacher's entropy"
    summary = "Tokens where the teacher is sure count more, or those where it is unsure."
    when_to_use = "sure: the teacher is noisy. unsure: most tokens are foregone conclusions and the forks matter."
    formula = r"w = (1 - H(p) / \log V)^{a} \quad\text{or}\quad (H(p) / \log V)^{a}"
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = EntropyOptions

    def value(self, view: View, options: EntropyOptions) -> Tensor:
        import math

        lp = view.logp() if view.dense else view.pair(1.0, "bucket")[0]
        share = (-(lp.exp() * lp).sum(-1) / math.log(view.vocab)).clamp(0, 1)
        return (1 - share if options.prefer == "sure" else share) ** options.power


class DifficultyOptions(Options):
    gamma: float = Field(
        2.0, gt=0, le=10, title="Gamma", description="How fast tokens the student already says fade out; 2 in the focal loss.",
    )  # fmt: skip


class StudentDifficulty(Weighting):
    id = "student-difficulty"
    title = "Student's difficulty"
    summary = "Tokens of the answer that the student already finds likely fade out."
    when_to_use = (
        "When easy tokens make up most of the loss. Wrong answers count most of all, so the rows must be clean."
    )
    formula = r"w = (1 - q(y))^{\gamma}"
    paper = Paper(
        title="Focal Loss for Dense Object Detection", authors="Lin, Goyal, Girshick, He, Dollár", year=2017, venue="ICCV",
        url="https://arxiv.org/abs/1708.02002", arxiv="1708.02002",
    )  # fmt: skip
    needs = frozenset({"labels"})
    Options = DifficultyOptions

    def value(self, view: View, options: DifficultyOptions) -> Tensor:
        return (1 - view.label_logq().exp()).clamp(min=0) ** options.gamma


class GapOptions(Options):
    scale: float = Field(
        1.0, gt=0, le=100, title="Scale", description="KL in nats at which a token has 63 % of the full weight."
    )


class KLGap(Weighting):
    id = "kl-gap"
    title = "Gap to the teacher"
    summary = "Tokens where the student is far from the teacher count more."
    when_to_use = "When most tokens agree already and the rest should decide what is learned."
    formula = r"w = 1 - e^{-\mathrm{KL}(p \| q) / s}"
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = GapOptions

    def value(self, view: View, options: GapOptions) -> Tensor:
        import torch

        from ..objectives import maths

        gap = view.forward_kl() if view.dense else maths.kl(*view.pair(1.0, "bucket"))
        return -torch.expm1(-gap.clamp(min=0) / options.scale)


class NeedOptions(Options):
    confidence: float = Field(
        1.0, ge=0, le=10, title="Power of the confidence", description="0: the teacher's confidence does not count."
    )
    need: float = Field(
        1.0, ge=0, le=10, title="Power of the need", description="0: what the student already knows does not count."
    )


class ConfidenceAndNeed(Weighting):
    id = "confidence-and-need"
    title = "Teacher's confidence times student's need"
    summary = "Tokens count where the teacher is sure and the student does not follow it yet."
    when_to_use = (
        "When the teacher is sometimes wrong and says so by being unsure. Brings a row-wise idea down to tokens."
    )
    formula = r"w = p(a)^{c}\,\bigl(1 - q(a)\bigr)^{b},\quad a = \mathrm{argmax}\, p"
    paper = Paper(
        title="Learning with Less: Knowledge Distillation from Large Language Models via Unlabeled Data", authors="Li et al.",
        year=2024, venue="arXiv",
    )  # fmt: skip
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = NeedOptions

    def value(self, view: View, options: NeedOptions) -> Tensor:
        lp, lq = view.top(1.0, 1)
        sure, known = lp[:, 0].exp(), lq[:, 0].exp()
        return sure**options.confidence * (1 - known).clamp(min=0) ** options.need
