"""The gate: the run stops until a person has looked at what was written, and goes on with what they left.

What is to be looked at lies in `outputs/<stage>.jsonl`; what came back is read from `review/<stage>.jsonl`, one line a row
that stays: id, answer, and where they were changed messages and fields. A row that is missing there was rejected.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.paint import painted_of
from ..errors import DataRefused, DistillError
from ..recipe import Review
from ..rows import Row
from . import pool
from .pool import Kept, Rejected

if TYPE_CHECKING:
    from ..work import Work

FOLDER = "review"


class ReviewNeeded(DistillError):
    """The run waits for a person."""

    code = "REVIEW_NEEDED"


def review(work: Work, index: int, stage: Review) -> Kept:
    """Takes what a person decided, or raises ReviewNeeded after laying out what they should look at. Raises DataRefused for
    a decision about a row that was not laid out."""
    name = f"{index:02d}-review"
    if found := pool.stored(work, name, stage.name):
        return found
    shown = _shown(work.train_rows, stage)
    decided = _decided(work, stage)
    if decided is None:
        pool.write_lists(work, stage.name, shown, [])
        facts = {"file": pool.slug(stage.name), "rows": len(shown), "note": stage.note}
        work.session.events.emit("review", stage=stage.name, **facts)
        raise ReviewNeeded(
            f"'{stage.name}' waits for a person: {len(shown):,} rows are ready to be looked at.",
            field=f"stages.{index}",
            hint="Open the review desk on this run's page; the run goes on with the version that comes out of it.",
            limit=len(shown),
        )
    if strange := set(decided) - {r.row_id for r in shown}:
        raise DataRefused(
            f"The review of '{stage.name}' speaks of {len(strange):,} rows that were not laid out, {min(strange)[:24]} among them.",
            field=f"stages.{index}",
            hint="Choose the version that came out of this run's own review.",
        )
    asked = {r.row_id for r in shown}
    rows, rejected, edited = [], [], 0
    for row in work.train_rows:
        if row.row_id not in asked:
            rows.append(row)
        elif row.row_id in decided:
            after = _after(row, decided[row.row_id])
            edited += after != row
            rows.append(after)
        else:
            why = "a person rejected it"
            rejected.append(Rejected(row.row_id, "review", why, row.question[:2000], (row.answer or "")[:2000]))
    made = [r for r in rows if r.row_id in asked]
    return pool.store(work, name, stage.name, Kept(rows, made, rejected, {"shown": len(shown), "edited": edited}))


def _shown(rows: Sequence[Row], stage: Review) -> list[Row]:
    """Written rows, or those with an answer where none is; the stage's share of them by hash, so that a resumed run shows the same."""
    written = [r for r in rows if pool.written(r)] or [r for r in rows if r.answer is not None]
    return [r for r in written if int(hashlib.sha256(r.row_id.encode()).hexdigest()[:8], 16) < stage.share * 2**32]


def _decided(work: Work, stage: Review) -> dict[str, Mapping[str, Any]] | None:
    """Row id -> what came back; None before a person has decided."""
    for place in (work.session.folder, *work.session.earlier):
        path = Path(place) / FOLDER / f"{pool.slug(stage.name)}.jsonl"
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            return {str(found["id"]): found for found in map(json.loads, lines)}
    return None


def _after(row: Row, found: Mapping[str, Any]) -> Row:
    """The row as a person left it; what they did not touch is as it was."""
    answer, fields = found.get("answer", row.answer), dict(row.fields)
    fields |= {k: v for k, v in (found.get("fields") or {}).items() if k in ("paint", "rationale", "weight")}
    messages = tuple(dict(m) for m in found.get("messages") or row.messages)
    if (messages, answer, fields) == (row.messages, row.answer, dict(row.fields)):
        return row
    return replace(row, messages=messages, answer=answer, fields=fields, painted=painted_of(row.row_id, answer, fields))
