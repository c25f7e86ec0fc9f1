"""Answers preferred by a metric: against the right answer, or by what a search with them finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from ..errors import DataRefused
from ..parts import Options, Paper
from ..retrieval.bm25 import BM25
from ..retrieval.gain import ndcg
from ..verifiers.base import Bench, Row, asked
from .base import Group, Preferred, Rule
from .by_check import ScoreOptions, ordered
from .scoring import distinct, none, said


class MetricOptions(Options):
    metric: Literal["rouge_l", "exact_match", "numeric_match", "ndcg"] = Field(
        "rouge_l",
        title="Metric",
        description="Against the right answer; ndcg: of a search with question and answer over the rows' passages.",
    )
    least_gap: float = Field(0.05, ge=0, le=1, title="Least gap", description="Between chosen and rejected.")
    k: int = Field(10, ge=1, le=1000, title="K of nDCG@K")
    passages: str = Field(
        "privileged", min_length=1, max_length=80, title="Field with the passage",
        description="For ndcg: the text that should be found for the row's question; all rows' passages are searched.",
    )  # fmt: skip
    repeat: int = Field(
        3, ge=1, le=20, title="Question counts", description="Times the question's words count beside the expansion's."
    )


class MetricDifference(Rule):
    id = "metric-difference"
    title = "Difference of a metric"
    summary = "Each answer is scored by a metric; the best is chosen over the worst where they are far enough apart."
    when_to_use = (
        "A number says how good an answer is: overlap with the right one, or what a search engine finds with it."
    )
    formula = r"y_c = \mathrm{argmax} m(y_k),\ y_r = \mathrm{argmin} m(y_k),\quad m(y_c) - m(y_r) \ge \delta"
    paper = Paper(
        title="Retrieval-Feedback-Driven Distillation and Preference Alignment for Efficient LLM-based Query Expansion",
        authors="Li, Zhou", year=2026, url="https://arxiv.org/abs/2603.13776", arxiv="2603.13776",
    )  # fmt: skip
    Options = MetricOptions

    def prefer(self, groups: Sequence[Group], options: Any, bench: Bench) -> list[list[Preferred]]:
        """Raises DataRefused for ndcg over rows without passages."""
        rows = [distinct(g.rows) for g in groups]
        by = ScoreOptions(least_gap=options.least_gap)
        if options.metric == "ndcg":
            return [ordered(scored, by) for scored in _searched(rows, options)]
        from ..scores import METRICS

        metric, out = METRICS[options.metric], []
        for group, several in zip(groups, rows, strict=True):
            if group.gold is None:
                out.append(none("the question has no right answer to measure against"))
                continue
            out.append(ordered([(float(metric(said(r), group.gold)), r) for r in several], by))
        return out


def _searched(rows: Sequence[Sequence[Row]], options: MetricOptions) -> list[list[tuple[float, Row]]]:
    passages: dict[str, None] = {}
    for several in rows:
        for row in several:
            passages.update(dict.fromkeys(passages_of(row, options.passages)))
    if len(passages) < 2:
        raise DataRefused(
            f"There is nothing to search: {len(passages)} of the rows' passages differ.",
            field="options.passages",
            hint="Give rows the text that should be found for their question, under the role privileged.",
        )
    texts = list(passages)
    index = BM25(texts)
    out = []
    for several in rows:
        scored = []
        for row in several:
            relevant = set(passages_of(row, options.passages))
            if relevant:
                query = " ".join([asked(row)] * options.repeat + [said(row)])
                found = [texts[f.place] for f in index.search(query, options.k)]
                scored.append((ndcg(found, relevant, options.k), row))
        out.append(scored)
    return out


def passages_of(row: Row, field: str) -> list[str]:
    value = row.fields.get(field)
    several = value if isinstance(value, (list, tuple)) else [value]
    return [str(v).strip() for v in several if v is not None and str(v).strip()]
