"""Sinkhorn distance between the two models' predictions over a whole batch: which positions stand for which is free."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ..base import Options, Paper, StatesPart

if TYPE_CHECKING:
    from torch import Tensor

    from ...output_layer import Head
    from ..states import States

TILE = 4096  # ids of the vocabulary worked on at a time


class SinkhornOptions(Options):
    epsilon: float = Field(
        0.1,
        ge=0.05,
        le=10,
        title="Entropy epsilon",
        description="Larger: the plan spreads over all positions. Smaller: it nearly pairs them one to one.",
    )
    iterations: int = Field(
        20, ge=1, le=1000, title="Iterations", description="How often rows and columns are brought to sum to one."
    )
    c: float = Field(
        0.001,
        ge=0,
        le=1e4,
        title="Factor c",
        description="Multiplies the distance. As published it multiplies the sum over a batch; here the mean over its positions"
        " is taken afterwards, so a larger one is usual.",
    )
    over: Literal["batch", "answer"] = Field(
        "batch",
        title="Compared together",
        description="batch: all supervised positions of one forward, so the micro-batch decides what is compared with what."
        " answer: the positions of each answer, whatever the micro-batch.",
    )


class Sinkhorn(StatesPart):
    id = "sinkhorn"
    title = "Sinkhorn distance"
    summary = "Entropic optimal transport between the student's and the teacher's distributions of a batch; the cost of a pair is their L1 distance."
    when_to_use = (
        "Where KL is blind or unstable: distributions that hardly overlap still have a distance that can shrink."
    )
    formula = (
        r"\ell = c \sum_{ij} P_{ij} W_{ij},\quad W_{ij} = \sum_v |q_i(v) - p_j(v)|,\quad"
        r" P = \mathrm{Sinkhorn}(e^{-W/\varepsilon})"
    )
    paper = Paper(
        title="Sinkhorn Distance Minimization for Knowledge Distillation", authors="Cui, Qin, Gao, Zhang, Xu, Wu, Li, Sun, Zhou, Li",
        year=2024, venue="LREC-COLING", url="https://arxiv.org/abs/2402.17110", arxiv="2402.17110",
    )  # fmt: skip
    reads = ("student.hidden", "teacher.hidden")
    needs = frozenset({"teacher", "same_vocabulary", "live_teacher", "batch"})
    Options = SinkhornOptions

    def measure(self, states: States, module: Any, T: float, options: SinkhornOptions) -> Tensor:
        import torch

        assert states.teacher_head is not None and states.teacher_hidden is not None
        if options.over == "batch":
            groups = [torch.arange(len(states.labels), device=states.hidden.device)]
        else:
            groups = [(states.of == r).nonzero()[:, 0] for r in range(len(states.lengths))]
        found = []
        for at in groups:
            mine, other = states.hidden[at], states.teacher_hidden[at]
            W = costs(mine, states.head, other, states.teacher_head, T, states.chunk)
            found.append(options.c * (transport(W, options.epsilon, options.iterations) * W).sum(1))
        return torch.cat(found)  # positions stand answer by answer


def transport(W: Tensor, epsilon: float, iterations: int) -> Tensor:
    """exp(-W / epsilon) [n, m] with rows, then columns, brought to sum to one so many times (Sinkhorn and Knopp)."""
    import torch

    P = torch.exp(-W / epsilon)
    for _ in range(iterations):
        P = P / P.sum(1, keepdim=True)
        P = P / P.sum(0, keepdim=True)
    return P


def costs(student: Tensor, head: Head, teacher: Tensor, other: Head, T: float, chunk: int, tile: int = TILE) -> Tensor:
    """L1 distance of every student distribution to every teacher distribution, [n, m], from states and output layers.

    The distance adds up over the vocabulary, so it is made tile by tile, and again in the backward: no [n, V] stays.
    """
    import torch
    from torch.utils.checkpoint import checkpoint

    vocab = min(head.vocab, other.vocab)
    mine, theirs = replace(head, vocab=vocab), replace(other, vocab=vocab)
    lse, lse_t = normalisers(student, mine, T, chunk), normalisers(teacher, theirs, T, chunk)

    def work(h: Tensor, norm: Tensor, h_t: Tensor, norm_t: Tensor, begin: int) -> Tensor:
        q = (tile_of(mine, begin, tile).logits(h) / T - norm[:, None]).exp()
        p = (tile_of(theirs, begin, tile).logits(h_t) / T - norm_t[:, None]).exp().detach()
        return torch.cdist(q, p, p=1)

    whole = student.new_zeros(len(student), len(teacher), dtype=lse.dtype)
    for begin in range(0, vocab, tile):
        whole = whole + checkpoint(work, student, lse, teacher, lse_t, begin, use_reentrant=False)
    return whole


def normalisers(hidden: Tensor, head: Head, T: float, chunk: int) -> Tensor:
    """log sum exp(z / T) of each position, [n], computed again in the backward."""
    import torch

    from ..aligned.spaces import in_chunks

    return in_chunks(lambda h: torch.logsumexp(head.logits(h) / T, -1), chunk, hidden)


def tile_of(head: Head, begin: int, size: int) -> Head:
    """The output layer for the ids begin .. begin + size - 1, at most those of its vocabulary."""
    at = slice(begin, min(begin + size, head.vocab))
    low = None if head.low_rank is None else replace(head.low_rank, up=head.low_rank.up[at])
    return replace(
        head,
        weight=head.weight[at],
        bias=None if head.bias is None else head.bias[at],
        vocab=at.stop - begin,
        low_rank=low,
    )
