"""The share of the words between quotes that texts contain."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.distill.rows import Row
from jobs.distill.writers.corrections import missing, quoted


def rate(texts: Sequence[str], rows: Sequence[Row]) -> float:
    wanted = sum(len(quoted(r.question)) for r in rows)
    return 1 - sum(len(missing(t, r.question)) for t, r in zip(texts, rows, strict=True)) / wanted
