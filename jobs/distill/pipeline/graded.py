"""Which rows the student, as it is now, answers rightly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..asking import Request
from ..rows import Row
from ..scores import METRICS
from ..selection.reading import read_rows

if TYPE_CHECKING:
    from ..work import Work

RIGHT = 0.5  # of a metric between 0 and 1


@dataclass(frozen=True)
class Graded:
    """A row, what the student says to it, and the score of that against the gold answer."""

    row: Row
    answer: str
    score: float

    @property
    def right(self) -> bool:
        return self.score >= RIGHT


def by_doubt(work: Work, rows: Sequence[Row], who: str = "student") -> list[Row]:
    """Rows by how unlikely the student finds a token of its own greedy answer, the least likely first (Lewis and Gale 1994:
    uncertainty sampling). A row it cannot answer comes first."""
    from .askers import ask

    if work.labelling is not None and who == "student":
        logs = work.labelling.logs(work.model, work.labelling.examples(rows))
        sure = {r.row_id: float(one.max(-1).min()) if one.size else 0.0 for r, one in zip(rows, logs, strict=True)}
        return sorted(rows, key=lambda r: (sure[r.row_id], r.row_id))
    longest = work.session.recipe.evaluation.max_new_tokens
    requests = [Request(tuple(dict(m) for m in r.messages), longest) for r in rows]
    replies = ask(work, who, requests, f"how sure the {who} is", work.session.recipe.evaluation.batch_size)
    said = [replace(r, answer=p.text, painted=None) for r, p in zip(rows, replies, strict=True) if p.ok]
    reads = read_rows(work, who, said, "answer") if said else {}
    return sorted(rows, key=lambda r: (-reads[r.row_id].per_token if r.row_id in reads else -math.inf, r.row_id))


def graded(work: Work, rows: Sequence[Row], who: str = "student") -> list[Graded]:
    """Each row answered greedily by `who` and scored by the run's metric (exact match where that is bits per byte)."""
    from .askers import ask

    if work.labelling is not None and who == "student":
        return _named(work, rows)
    one = METRICS.get(work.metric, METRICS["exact_match"])
    longest = work.session.recipe.evaluation.max_new_tokens
    requests = [Request(tuple(dict(m) for m in r.messages), longest) for r in rows]
    replies = ask(work, who, requests, f"what the {who} says", work.session.recipe.evaluation.batch_size)
    golds = [str(r.fields.get("gold", r.answer) or "") for r in rows]
    return [Graded(r, s.text, one(s.text, g) if s.ok else 0.0) for r, s, g in zip(rows, replies, golds, strict=True)]


def _named(work: Work, rows: Sequence[Row]) -> list[Graded]:
    """The same of a student that names instead of writing."""
    from ..labelling.judging import judged

    assert work.labelling is not None
    asked = [replace(r, answer=str(r.fields.get("gold", r.answer) or "")) for r in rows]
    found = judged(work.labelling, asked, work.labelling.say(work.model, asked))
    scores = [float(t / b) if b else 1.0 for t, b in zip(found.scores.top, found.scores.bottom, strict=True)]
    return [Graded(r, found.said[r.row_id].text, s) for r, s in zip(rows, scores, strict=True)]
