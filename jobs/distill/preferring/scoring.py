"""What rules have in common: who wrote an answer, what earlier checks gave it, the answers of a group that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..verifiers.base import Row, written
from .base import Preferred

NONE_SCORED = "no answer has a score"


def writer_of(row: Row) -> str:
    """Who wrote the answer: the name of a model or of a training stage; `data` for one the data came with."""
    lineage: Any = row.fields.get("lineage") or {}
    return str(lineage.get("by", "data"))


def checked(row: Row, id: str) -> float | None:
    """What an earlier check found, as a number; None where it was not checked."""
    checks = row.fields.get("checks")
    value = checks.get(id) if isinstance(checks, Mapping) else None
    return float(value) if isinstance(value, (bool, int, float)) else None


def said(row: Row) -> str:
    return written(row).strip()


def distinct(rows: Sequence[Row]) -> list[Row]:
    """The rows with an answer, of equal answers of one writer the first."""
    seen: dict[tuple[str, str], Row] = {}
    for row in rows:
        if said(row):
            seen.setdefault((said(row), writer_of(row)), row)
    return list(seen.values())


def pair(best: Row, worst: Row, scores: tuple[float, ...] = (), **fields: Any) -> Preferred:
    return Preferred((said(best), said(worst)), scores, sources=(writer_of(best), writer_of(worst)), fields=fields)


def none(why: str) -> list[Preferred]:
    """There is no preference, and why."""
    return [Preferred(why=why)]
