"""Self-evolution distillation: a target of teacher, label and student, the more of the first two the harder the token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import Paper, Part, TailOptions

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class SelfEvolutionOptions(TailOptions):
    eta: float = Field(
        0.5, ge=0, le=1, title="Share of the teacher",
        description="Of the teacher in the mixture with the label; 1 leaves the label out.",
    )  # fmt: skip
    floor: float = Field(
        0.0, ge=0, le=1, title="Least ratio",
        description="Share c of that mixture where the student already agrees. 1 makes all tokens alike: plain KL to the mixture.",
    )  # fmt: skip
    sharpness: float = Field(
        1.0, ge=0, le=100, title="Sharpness",
        description="How fast the ratio rises with the token's difficulty KL(teacher-label mixture || student), in nats.",
    )  # fmt: skip


class SelfEvolution(Part):
    id = "self-evolution"
    title = "Self-evolution target"
    summary = (
        "KL to a target of teacher, label and the student's own distribution; hard tokens get more of the first two."
    )
    when_to_use = "When easy tokens drown the hard ones, or the student should keep what it already does well."
    formula = (
        r"\ell = \mathrm{KL}(r \,\|\, q_T),\quad r = c\,m + (1-c)\,\mathrm{sg}(q_T),\quad m = \eta p_T + (1-\eta) e_y,"
        r"\quad c = f + (1-f)\bigl(1 - e^{-s\,\mathrm{KL}(m \| q_T)}\bigr)"
    )
    paper = Paper(
        title="Self-Evolution Knowledge Distillation for LLM-based Machine Translation", authors="Song, Ding, Zan, Huang",
        year=2025, venue="COLING", url="https://arxiv.org/abs/2412.15303", arxiv="2412.15303",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary", "labels"})
    Options = SelfEvolutionOptions

    def value(self, view: View, T: float, options: SelfEvolutionOptions) -> Tensor:
        target, _, lq = self.target(view, T, options)
        return self._kl(target, lq)

    def target(self, view: View, T: float, options: SelfEvolutionOptions) -> tuple[Tensor, Tensor, Tensor]:
        """The target r [n, M], the ratio c [n] (both constants) and log q [n, M]."""
        import torch

        lp, lq = view.pair(T, options.tail, options.support)
        one_hot = torch.zeros_like(lp).scatter(-1, view.label_outcome(options.tail, options.support)[:, None], 1.0)
        mixture = options.eta * lp.exp() + (1 - options.eta) * one_hot
        difficulty = self._kl(mixture, lq.detach())
        ratio = options.floor - (1 - options.floor) * torch.expm1(-options.sharpness * difficulty)
        target = ratio[:, None] * mixture + (1 - ratio[:, None]) * lq.detach().exp()
        return target, ratio, lq

    @staticmethod
    def _kl(target: Tensor, lq: Tensor) -> Tensor:
        import torch

        return (torch.special.xlogy(target, target) - target * lq).sum(-1)
