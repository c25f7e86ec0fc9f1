"""Decoupled distillation: the answer's token against the rest, and the rest among themselves, weighted apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import Options, Paper, Part

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class DecoupledOptions(Options):
    alpha: float = Field(
        1.0, ge=0, le=100, title="Weight of the answer", description="Of the divergence between the two coins 'this token or another'.",
    )  # fmt: skip
    beta: float = Field(
        8.0, ge=0, le=100, title="Weight of the rest",
        description="Of the divergence among all other tokens. Plain forward KL weighs it by 1 - p(y), so almost not where the teacher is sure.",
    )  # fmt: skip


class Decoupled(Part):
    id = "dkd"
    title = "Decoupled distillation"
    summary = "Forward KL taken apart: the answer's token against all others, and the others among themselves, weighted freely."
    when_to_use = (
        "When the teacher is very sure of the gold answers, so that forward KL hardly passes on its alternatives."
    )
    formula = (
        r"\ell = \alpha\,\mathrm{KL}(b^p \,\|\, b^q) + \beta\,\mathrm{KL}(\hat p \,\|\, \hat q),"
        r"\quad b^p = (p_y, 1 - p_y),\ \hat p = p \text{ without } y,\text{ renormalised}"
    )
    paper = Paper(
        title="Decoupled Knowledge Distillation", authors="Zhao, Cui, Song, Qiu, Liang", year=2022, venue="CVPR",
        url="https://arxiv.org/abs/2203.08679", arxiv="2203.08679",
    )  # fmt: skip
    reads = ("student.logq", "student.logq_at_label", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary", "labels", "live_teacher"})
    Options = DecoupledOptions

    def value(self, view: View, T: float, options: DecoupledOptions) -> Tensor:
        import torch

        from . import maths

        ids = view.labels[:, None]
        lp, lq = view.live_pair(T, self.title)
        coins, rest = [], []
        for logs in (lp, lq):
            others = logs.scatter(-1, ids, maths.ABSENT)
            missing = torch.logsumexp(others, -1, keepdim=True)  # log(1 - p_y), exact however near p_y is to one
            coins.append(torch.cat([logs.gather(-1, ids), missing], -1))
            rest.append(others - missing)
        here = torch.ones_like(lp).scatter(-1, ids, 0.0)
        among = (rest[0].exp() * (rest[0] - rest[1]) * here).sum(-1)
        return options.alpha * maths.kl(*coins) + options.beta * among
