"""Prompts judged by the worst answer they got: a vague question has poor, short rejected answers far below the chosen one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from ..errors import DataRefused
from ..parts import Options, Paper
from .bands import percentile
from .base import Bench, Row, Verdict, Verifier


class RejectedOptions(Options):
    score: float = Field(
        50, ge=0, le=100, title="Rejected score from (percentile)",
        description="Rows whose rejected answer scores below this percentile are dropped. 0: scores are not looked at.",
    )  # fmt: skip
    length: float = Field(
        50, ge=0, le=100, title="Rejected length from (percentile)",
        description="Rows whose rejected answer is shorter, in characters, are dropped. 0: not looked at.",
    )  # fmt: skip
    gap: float = Field(
        50, ge=0, le=100, title="Gap up to (percentile)",
        description="Rows whose chosen answer scores further above the rejected one are dropped. 100: not looked at.",
    )  # fmt: skip


class RejectedQuality(Verifier):
    id = "rejected-quality"
    title = "Quality of the rejected answer"
    summary = "Keeps pairs whose rejected answer is good and long and not far below the chosen one, at percentiles of all pairs."
    when_to_use = (
        "Before preference training on written pairs: it is the prompt that is judged, by the worst it brought about."
    )
    formula = r"r(y_r) \ge Q_a \;\wedge\; |y_r| \ge Q_b \;\wedge\; r(y_c) - r(y_r) \le Q_c"
    paper = Paper(
        title="R.I.P.: Better Models by Survival of the Fittest Prompts",
        authors="Yu, Yuan, Golovneva, Wu, Sukhbaatar, Weston, Xu", year=2025, venue="ICML",
        url="https://arxiv.org/abs/2501.18578", arxiv="2501.18578",
    )  # fmt: skip
    Options = RejectedOptions
    pooled = True

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        """Raises DataRefused where no row is a pair with scores."""
        found = [pair_of(row) for row in rows]
        pairs = [p for p in found if p is not None]
        if not pairs:
            raise DataRefused(
                f"None of {len(rows):,} rows is a pair with a score of each side.",
                field="verify",
                hint="Put the check behind a stage that prefers by score, such as by-score or judge-ranking.",
            )
        worst, short, far = (
            percentile([p[0] for p in pairs], options.score),
            percentile([p[1] for p in pairs], options.length),
            percentile([p[2] for p in pairs], options.gap),
        )
        bench.note(
            f"Kept are pairs whose rejected answer scores {worst:.4g} or more and has {short:.0f} characters or more, with a gap of "
            f"{far:.4g} or less."
        )
        return [_verdict(p, worst, short, far) for p in found]


def pair_of(row: Row) -> tuple[float, float, float] | None:
    """(score of the rejected answer, its characters, gap) of a row that a preference rule made."""
    lineage, rejected = row.fields.get("lineage"), row.fields.get("rejected")
    scores = lineage.get("scores") if isinstance(lineage, Mapping) else None
    if not scores or len(scores) < 2 or rejected is None:
        return None
    return float(scores[-1]), float(len(str(rejected))), float(scores[0]) - float(scores[-1])


def _verdict(pair: tuple[float, float, float] | None, worst: float, short: float, far: float) -> Verdict:
    if pair is None:
        return Verdict(False, "it is no pair with a score of each side")
    score, length, gap = pair
    if score < worst:
        return Verdict(False, f"the rejected answer scores {score:.4g}, {worst:.4g} is wanted", score)
    if length < short:
        return Verdict(False, f"the rejected answer has {length:.0f} characters, {short:.0f} are wanted", score)
    if gap > far:
        return Verdict(False, f"the gap is {gap:.4g}, at most {far:.4g} is wanted", score)
    return Verdict(True, score=score)
