"""Minimum edit distance: the teacher's distribution carried over to the student's vocabulary, token by nearest token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ..base import Options, Paper, Part
from .side import chunk_in

if TYPE_CHECKING:
    from torch import Tensor

    from ..view import View


class MinEdOptions(Options):
    elsewhere: bool = Field(
        True, title="Answer token elsewhere",
        description="Where no teacher token stands for the student's, learn the answer's own token, as published; off, such positions count 0.",
    )  # fmt: skip


class MinEditDistance(Part):
    id = "mined"
    title = "Minimum edit distance alignment"
    summary = "Pairs the tokens of both models by dynamic time warping, maps the teacher's vocabulary to the nearest student tokens, then forward KL."
    when_to_use = "The two tokenizers cut most words alike, as those of related families do."
    formula = r"\ell = \sum_v \tilde p(v) \log \frac{\tilde p(v)}{q(v)},\quad \tilde p(v) \propto \sum_{u:\, \mathrm{near}(u) = v} p(u)"
    paper = Paper(
        title="Knowledge Fusion of Large Language Models", authors="Wan, Huang, Cai, Quan, Bi, Shi", year=2024,
        venue="ICLR", url="https://arxiv.org/abs/2401.10491", arxiv="2401.10491",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "aligned", "live_teacher"})
    Options = MinEdOptions

    def value(self, view: View, T: float, options: MinEdOptions) -> Tensor:
        import torch

        teacher = chunk_in(view.teacher)
        places, other = teacher.matched("warping")
        logq = view.logq(T)
        label = -logq.gather(-1, view.labels[:, None])[:, 0]
        value = label if options.elsewhere else label * 0
        p = carried_over(teacher.batch.logp(other, T).exp(), teacher.batch.nearest(), logq.shape[-1]).to(logq.dtype)
        return value.index_put((places,), (torch.xlogy(p, p) - p * logq[places]).sum(-1))


def carried_over(p: Tensor, nearest: Tensor, vocab: int) -> Tensor:
    """Probability of each student token: the sum over the teacher's tokens nearest to it, renormalised. [n, V_T] -> [n, V]"""
    known = nearest >= 0
    out = p.new_zeros(len(p), vocab).index_add(1, nearest[known], p[:, known])
    return out / out.sum(-1, keepdim=True)
