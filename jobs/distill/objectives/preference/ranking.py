"""Hinges over ranked lists: every pair of a group in the order that people, or the teacher, gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..base import Objective, Options, Paper, SequencePart
from ..label_reads import logp_y, logq_y

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences


class RankingOptions(Options):
    margin: float = Field(
        0.0, ge=0, le=1000, title="Margin (nats a token)",
        description="How much likelier the better one of two should be, in mean log-probability a token. RRHF: 0.",
    )  # fmt: skip


class ListRanking(SequencePart):
    """Reads the feature `rank` of each answer, 0 for the best; equal ranks are not compared."""

    id = "list-ranking"
    title = "List ranking"
    summary = "Of every two answers to a prompt the better one should be likelier a token, by a margin; the sum of the hinges."
    when_to_use = (
        "Several ranked answers a prompt. Add cross-entropy on the chosen rows to teach the best answer itself."
    )
    formula = r"\ell = \sum_{r_i < r_j}\max(0,\ \delta + s_j - s_i),\quad s_i = \tfrac{1}{|y_i|}\log q(y_i)"
    paper = Paper(
        title="RRHF: Rank Responses to Align Language Models with Human Feedback without tears",
        authors="Yuan, Yuan, Tan, Wang, Huang, Huang",
        year=2023, venue="NeurIPS", url="https://arxiv.org/abs/2304.05302", arxiv="2304.05302",
    )  # fmt: skip
    reads = ("student.logq_at_label",)
    needs = frozenset({"labels", "ranked"})
    Options = RankingOptions

    def reads_of(self, T: float, options: Any) -> tuple[Objective, ...]:
        return (logq_y(T),)

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: RankingOptions) -> Tensor:
        return hinges(batch.means(values[0]), -batch.features["rank"], batch, options.margin)


class DemonstrationRanking(SequencePart):
    """The groups hold one answer under several sets of demonstrations; the teacher's scores give the order."""

    id = "demonstration-ranking"
    title = "Ranking of demonstration sets"
    summary = "The student should prefer the same demonstrations as the teacher: of two sets the one that helps the teacher more helps it more."
    when_to_use = (
        "The student is to learn in context as the teacher does. Add forward KL for what is said under each set."
    )
    formula = (
        r"\ell = \sum_{t_i > t_j}\max(0,\ \delta + s_j - s_i),\quad "
        r"s_i = \tfrac{1}{|y|}\log q(y \,|\, d_i, x),\quad t_i = \tfrac{1}{|y|}\log p(y \,|\, d_i, x)"
    )
    paper = Paper(
        title="Improving In-context Learning via Bidirectional Alignment",
        authors="Qin, Xia, Jiao, Chen, Hu, Ding, Joty",
        year=2023, venue="arXiv", url="https://arxiv.org/abs/2312.17055", arxiv="2312.17055",
    )  # fmt: skip
    reads = ("student.logq_at_label", "teacher.logp_at_label")
    needs = frozenset({"labels", "teacher", "same_vocabulary", "demonstrations"})
    Options = RankingOptions

    def reads_of(self, T: float, options: Any) -> tuple[Objective, ...]:
        return logq_y(T), logp_y(T)

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: RankingOptions) -> Tensor:
        return hinges(batch.means(values[0]), batch.means(values[1]), batch, options.margin)


def hinges(scores: Tensor, order: Tensor, batch: Sequences, margin: float) -> Tensor:
    """Sum over the pairs of a group with order_i > order_j of max(0, margin + score_j - score_i): [S], [S] -> [G]."""
    better = (order[:, None] > order[None, :]) & (batch.group[:, None] == batch.group[None, :])  # [S, S]
    gaps = (margin + scores[None, :] - scores[:, None]).clamp_min(0) * better
    return batch.by_group(gaps.sum(1))
