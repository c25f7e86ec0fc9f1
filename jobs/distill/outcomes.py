"""What a run knows of each row: `rows.jsonl`, one line a row, for a person who wants to look at the rows themselves.

Held-out rows: what every arm said and how it scored. Training rows: what the teacher wrote, and how unsure it was of the
answer where its signals were recorded (mean entropy in nats a token; nats a token that the given answer costs it).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import signals
from .scores import METRICS

if TYPE_CHECKING:
    from .evaluate import Judged
    from .rows import Example, Row
    from .work import Work

NAME = "rows.jsonl"
LONGEST = 2000  # characters of an answer that are kept: enough to judge it
ARMS = ("base", "control", "student", "teacher")


def write(work: Work, arms: Mapping[str, Judged], metric: str) -> Path:
    """Writes the file and returns its path."""
    path = work.session.folder / NAME
    with path.open("w", encoding="utf-8") as out:
        for line in (*_heldout(work.session.heldout_rows, arms, metric), *_training(work)):
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path


def _heldout(rows: Iterable[Row], arms: Mapping[str, Judged], metric: str) -> Iterator[dict[str, Any]]:
    for i, row in enumerate(rows):
        line: dict[str, Any] = {"row_id": row.row_id, "split": "heldout", "metric": metric, "scores": {}, "said": {}}
        for name in (a for a in ARMS if a in arms):
            line["scores"][name] = _score(arms[name], i)
            if said := arms[name].said.get(row.row_id):
                line["said"][name] = said.text[:LONGEST]
        yield line


def _score(arm: Judged, i: int) -> float:
    """Of one row; 1 where there was nothing to find and nothing was found."""
    top, bottom = float(arm.scores.top[i]), float(arm.scores.bottom[i])
    return round(top / bottom, 6) if bottom else 1.0


def _training(work: Work) -> Iterator[dict[str, Any]]:
    for row in work.session.train_rows:
        written, unsure = work.written.get(row.row_id), work.unsure.get(row.row_id)
        if written is None and unsure is None:
            continue
        line: dict[str, Any] = {"row_id": row.row_id, "split": "train", **(unsure or {})}
        if written is not None:
            line["said"] = {"teacher": written[:LONGEST]}
            if row.answer is not None:
                line["agrees"] = METRICS["exact_match"](written, row.answer)
        yield line


def unsure_of(store: signals.Store, examples: Iterable[Example]) -> dict[str, dict[str, float]]:
    """Row id -> how unsure the teacher was; rows whose signals hold neither number are left out."""
    out: dict[str, dict[str, float]] = {}
    for example in examples:
        if example.key not in store:
            continue
        row = store[example.key]
        found = {}
        if row.entropy is not None and len(row.entropy):
            found["teacher_entropy"] = round(float(row.entropy.astype(np.float64).mean()), 5)
        if row.label is not None and len(row.label):
            found["teacher_nats"] = round(float(-row.label.astype(np.float64).mean()), 5)
        if found:
            out[example.row_id] = found
    return out
