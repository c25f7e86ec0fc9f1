"""Rows for a judge: many votes on one answer, combined, become one judgement to learn from."""

from __future__ import annotations

import json
from statistics import fmean
from typing import Any, ClassVar

from pydantic import Field

from ..judging.reading import Unreadable, read_score, score_schema
from ..judging.wording import RUBRIC, SYSTEM, to_score
from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer
from .common import need_sampling
from .template import Prompt


class Judgements(Writer):
    """The judge scores an answer several times; a row asks for the judgement and answers with the vote nearest to the mean."""

    id = "judgements"
    title = "Judgements to learn from"
    summary = "A judge votes several times on each answer; the vote nearest to the mean, with its reason, becomes a row for a judge."
    when_to_use = "To have a model judge as steadily with one vote as it does with many."
    formula = r"\bar s = \frac{1}{K} \sum_k s_k,\quad \hat k = \mathrm{argmin}_k |s_k - \bar s|"
    paper = Paper(
        title="ALMA: Alignment with Minimal Annotation", authors="Yasunaga, Shamis, Zhou, Cohen, Weston, Zettlemoyer, Ghazvininejad",
        year=2024, url="https://arxiv.org/abs/2412.04305", arxiv="2412.04305",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES}
    prompts: ClassVar[dict[str, Prompt]] = {}

    class Options(Options):
        rubric: str = Field(RUBRIC, min_length=1, max_length=20_000, title="Rubric")
        votes: int = Field(8, ge=2, le=64, title="Votes")
        low: float = Field(1, ge=-1000, le=1000, title="Lowest score")
        high: float = Field(10, ge=-1000, le=1000, title="Highest score")

    def seeds(self, rows: Any, options: Any, desk: Desk) -> Any:
        need_sampling(desk, options.votes, "A judgement")
        return (s for s in super().seeds(rows, options, desk) if (s.row.answer or "").strip())

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        text = to_score(row.question, (row.answer or "").strip(), options.rubric, options.low, options.high)
        turns = ({"role": "system", "content": SYSTEM}, {"role": "user", "content": text})
        schema = score_schema(options.low, options.high)
        replies = yield [
            desk.say(turns, number=desk.number * options.votes + k, schema=schema) for k in range(options.votes)
        ]
        votes = []
        for reply in replies:
            try:
                votes.append(read_score(reply.text, options.low, options.high))
            except Unreadable:
                continue
        if len(votes) < 2:
            raise Unusable(f"flagged: {len(votes)} of {len(replies)} votes could be read")
        mean = fmean(s for s, _ in votes)
        _, reason = min(votes, key=lambda v: abs(v[0] - mean))
        answer = json.dumps({"reason": reason, "score": round(mean, 2)}, ensure_ascii=False)
        return [Made(turns, answer, {"task": "judge", "votes": [s for s, _ in votes]})]
