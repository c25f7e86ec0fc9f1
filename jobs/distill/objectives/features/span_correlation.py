"""Span correlation: how the probabilities of neighbouring tokens go together inside a span, in both models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ..base import SMALLEST, Objective, Options, Paper, SequencePart
from ..label_reads import logp_y, logq_y

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences


class SpanOptions(Options):
    width: int = Field(
        4,
        ge=2,
        le=1000,
        title="Width of a span",
        description="Tokens of an answer are cut into spans of so many, from its beginning; only neighbours inside a span count.",
    )


class SpanCorrelation(SequencePart):
    id = "span-correlation"
    title = "Span correlation"
    summary = "The product of the probabilities of neighbouring tokens inside a span is the same under both models."
    when_to_use = "Beside a divergence a token, so that words of several tokens stay together."
    formula = (
        r"\ell = \frac{1}{|A|}\sum_{(n, n+1) \in A} \bigl(p(y_n)\,p(y_{n+1}) - q(y_n)\,q(y_{n+1})\bigr)^2,"
        r"\quad A: \text{neighbours inside one span}"
    )
    paper = Paper(
        title="Multi-Granularity Semantic Revision for Large Language Model Distillation",
        authors="Liu, Zhang, Li, Li, Huang, Chen, Tang, Hu, Xiong, Wang", year=2024, venue="arXiv",
        url="https://arxiv.org/abs/2407.10068", arxiv="2407.10068",
    )  # fmt: skip
    reads = ("student.logq_at_label", "teacher.logp_at_label")
    needs = frozenset({"labels", "teacher", "same_vocabulary"})
    Options = SpanOptions

    def reads_of(self, T: float, options: SpanOptions) -> tuple[Objective, ...]:
        return logq_y(T), logp_y(T)

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: SpanOptions) -> Tensor:
        q, p = values[0].exp(), values[1].exp()
        together = (batch.of[1:] == batch.of[:-1]) & (batch.place[1:] % options.width != 0)
        counted = together.to(p.dtype)
        if batch.paint is not None:  # of two neighbours the one that counts less
            counted = counted * batch.paint[1:].minimum(batch.paint[:-1]).to(p.dtype)
        gap = (p[1:] * p[:-1] - q[1:] * q[:-1]).square() * counted
        answers = gap.new_zeros(batch.answers)
        total = answers.index_add(0, batch.of[1:], gap)
        count = answers.index_add(0, batch.of[1:], counted)
        return batch.group_means(total / count.clamp_min(SMALLEST))
