"""Relations inside attention: how much each token's query, key or value resembles those before it, in both models."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..base import Paper, StatesPart
from .layers import LayerOptions, mapped, mean, names, two

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..states import ModelShape, States

KINDS = ("q", "k", "v")


class RelationOptions(LayerOptions):
    heads: int = Field(
        48,
        ge=1,
        le=1024,
        title="Relation heads",
        description="Both models' projections are cut anew into so many heads, so that their own numbers of heads need not"
        " match; where a width is not divisible by it, into the largest number below that divides both.",
    )


class Relations(StatesPart):
    id = "attention-relations"
    title = "Self-attention relations"
    summary = "Queries, keys and values of each token are compared with those before it; the student's patterns of likeness become the teacher's."
    when_to_use = (
        "Teacher and student of different widths and numbers of heads; no projection is trained and none is needed."
    )
    formula = (
        r"\ell_i = \frac{1}{3R}\sum_{X \in \{Q,K,V\}}\sum_{r=1}^{R} \mathrm{KL}\bigl(\mathrm{softmax}_{j \le i}"
        r"\frac{X^T_{r,i} \cdot X^T_{r,j}}{\sqrt{d^T_r}} \,\|\, \mathrm{softmax}_{j \le i}\frac{X^S_{r,i} \cdot X^S_{r,j}}{\sqrt{d^S_r}}\bigr)"
    )
    paper = Paper(
        title="MiniLMv2: Multi-Head Self-Attention Relation Distillation for Compressing Pretrained Transformers",
        authors="Wang, Bao, Huang, Dong, Wei", year=2021, venue="Findings of ACL", url="https://arxiv.org/abs/2012.15828",
        arxiv="2012.15828",
    )  # fmt: skip
    reads = ("student.projections", "teacher.projections")
    needs = frozenset({"teacher", "same_vocabulary", "live_teacher", "layers", "projections"})
    Options = RelationOptions

    def layers(self, student: ModelShape, teacher: ModelShape | None, options: Any) -> list[tuple[int, int]]:
        return mapped(student, teacher, options.layers)

    def captures(self, student: ModelShape, teacher: ModelShape | None, options: Any) -> tuple[set[str], set[str]]:
        return names(self.layers(student, teacher, options), KINDS)

    def module(self, student: ModelShape, teacher: ModelShape | None, options: Any) -> nn.Module:
        from .projectors import Paired

        return Paired(self.layers(student, teacher, options))

    def measure(self, states: States, module: Any, T: float, options: RelationOptions) -> Tensor:
        return mean([self._kind(states, pair, kind, options.heads) for pair in module.pairs for kind in KINDS])

    def _kind(self, states: States, pair: tuple[int, int], kind: str, heads: int) -> Tensor:
        """Row by row, so that no relation of two rows is made and padding is never read. [N]"""
        import torch

        mine, other = two(states, pair, kind)
        length, out = mine.shape[1], []
        for row, real in enumerate(states.lengths.tolist()):
            at = states.places[states.of == row] - row * length
            out.append(relation_kl(mine[row, :real], other[row, :real], at, heads))
        return torch.cat(out)  # positions stand row by row


def relation_kl(student: Tensor, teacher: Tensor, at: Tensor, heads: int) -> Tensor:
    """KL of the relations of the positions `at` [n] of one row to all before them; X are [L, D_S] and [L, D_T]. [n]"""
    count = common_heads(student.shape[-1], teacher.shape[-1], heads)
    lq, lp = relations(student, at, count), relations(teacher, at, count)
    return (lp.exp() * (lp - lq)).sum(-1).mean(0)


def relations(x: Tensor, at: Tensor, heads: int) -> Tensor:
    """log softmax(X X^T / sqrt d) of the positions `at`, causal: [heads, n, L]; -1e9 stands for what is not seen yet."""
    import torch

    parts = x.unflatten(-1, (heads, -1)).transpose(0, 1)  # [heads, L, d]
    scores = parts[:, at] @ parts.transpose(-1, -2) / parts.shape[-1] ** 0.5
    later = torch.arange(x.shape[0], device=x.device)[None] > at[:, None]
    return torch.log_softmax(scores.masked_fill(later, -1e9), -1)


def common_heads(student: int, teacher: int, most: int) -> int:
    """The largest number up to `most` that divides both widths."""
    shared = gcd(student, teacher)
    return max(n for n in range(1, min(most, shared) + 1) if shared % n == 0)
