"""What a run found out: scores with intervals, gap closed, examples, slices, time and memory. `report.json`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .device import peak_memory
from .evaluate import Judged, agreement
from .events import read
from .option_bias import option_bias
from .rows import Row
from .scores import Bootstrap
from .session import Session

EXAMPLES = 12
SLICES = 100


def build(session: Session, arms: Mapping[str, Judged], metric: str, training: dict[str, Any]) -> dict[str, Any]:
    """The report's object; `arms` are base, student and where they exist teacher and control."""
    rows = session.heldout_rows
    boot = Bootstrap({n: a.scores for n, a in arms.items()}, session.recipe.evaluation.bootstrap, session.recipe.seed)
    train_rows = session.train_rows
    report: dict[str, Any] = {
        "version": 1,
        "metric": metric,
        "lower_is_better": metric == "bits_per_byte",
        "scores": {
            name: boot.score(name).as_dict() for name in ("base", "control", "student", "teacher") if name in arms
        },
        "gap_closed": boot.gap_closed("student").as_dict(),
        "control_gap_closed": boot.gap_closed("control").as_dict(),
        "student_minus_control": boot.difference("student", "control").as_dict(),
        "rows": {
            "train": len(train_rows),
            "labelled": sum(r.labelled for r in train_rows),
            "unlabelled": sum(not r.labelled for r in train_rows),
            "heldout": len(rows),
            "sha256": session.rows_hash,
        },
        "agreement_with_teacher": agreement(arms["student"], arms["teacher"]) if "teacher" in arms else None,
        "tokens_per_answer": {n: _mean_tokens(a) for n, a in arms.items() if a.said},
        "examples": examples(rows, arms),
        "slices": slices(rows, arms),
        **_of_options(rows, arms),
        "choices": _choices(session),
        "seconds": session.seconds,
        "peak_memory_bytes": peak_memory(),
        "seed": session.recipe.seed,
        **training,
    }
    return report


def examples(rows: Sequence[Row], arms: Mapping[str, Judged]) -> dict[str, list[dict[str, Any]]]:
    """Rows that the student won from the base, and rows that it lost to it; the widest margins first, then by row."""
    if not arms["student"].said:
        return {"won": [], "lost": []}
    margin = arms["student"].scores.top - arms["base"].scores.top
    order = sorted(range(len(rows)), key=lambda i: (-abs(margin[i]), rows[i].row_id))
    won = [_shown(rows[i], arms) for i in order if margin[i] > 0][:EXAMPLES]
    lost = [_shown(rows[i], arms) for i in order if margin[i] < 0][:EXAMPLES]
    if len(lost) < EXAMPLES and "teacher" in arms:
        # A base that knows nothing loses nothing: then show where the teacher is right and the student is not.
        behind = arms["teacher"].scores.top - arms["student"].scores.top
        lost += [
            _shown(rows[i], arms)
            for i in sorted(range(len(rows)), key=lambda i: rows[i].row_id)
            if behind[i] > 0 and margin[i] >= 0
        ][: EXAMPLES - len(lost)]
    return {"won": won, "lost": lost}


def slices(rows: Sequence[Row], arms: Mapping[str, Judged]) -> list[dict[str, Any]]:
    """Mean score of each arm by domain (which may be a language), where rows name theirs, and by gold answer, where answers
    are labels: at most a hundred of each, labels met twice or more."""
    domains, labels = _groups(rows, lambda r: r.fields.get("domain")), _groups(rows, lambda r: r.answer or "")
    if len(labels) * 2 > len(rows):
        labels = {}
    return [
        {"label": name, "n": len(index), **{n: float(a.scores.mean(np.asarray(index))) for n, a in arms.items()}}
        for groups in (domains, labels)
        if 2 <= len(groups) <= SLICES
        for name, index in sorted(groups.items())
    ]


def _of_options(rows: Sequence[Row], arms: Mapping[str, Judged]) -> dict[str, Any]:
    """How far each arm prefers some options of multiple choice; empty where the gold answers are no letters of options."""
    said = {name: [arm.said[r.row_id].text for r in rows] for name, arm in arms.items() if arm.said}
    found = option_bias([r.answer or "" for r in rows], said)
    return {"option_bias": found} if found else {}


def _groups(rows: Sequence[Row], of: Callable[[Row], str | None]) -> dict[str, list[int]]:
    """Places of the rows by what they have in common; a row that has no such thing is in none."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        if (name := of(row)) is not None:
            groups[name].append(i)
    return groups


def _shown(row: Row, arms: Mapping[str, Judged]) -> dict[str, Any]:
    return {
        "row_id": row.row_id,
        "prompt": row.question,
        "gold": row.answer,
        **{n: a.said[row.row_id].text for n, a in arms.items()},
    }


def _mean_tokens(arm: Judged) -> float:
    return round(float(np.mean([s.tokens for s in arm.said.values()])), 2)


def _choices(session: Session) -> list[dict[str, Any]]:
    """The automatic choices of this run, from its own events, each once."""
    found = [
        {k: e[k] for k in ("field", "value", "why")}
        for e in read(session.folder / "events.jsonl")
        if e["type"] == "reason"
    ]
    return list({tuple(map(str, c.values())): c for c in found}.values())
