"""Scores of every arm of a run with a label head: base (the prior), teacher, student, control; by label, with intervals."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..answers import Said
from ..asking import Request
from ..evaluate import Judged
from ..recipe import Train
from ..rows import Row
from ..scores import PerRow
from . import scoring
from .combining import Combine
from .labeller import Labeller
from .soft import asked_messages, column, of_teacher
from .spans import place, spans_of_text

if TYPE_CHECKING:
    from ..work import Work


def judged(labeller: Labeller, rows: Sequence[Row], said: Mapping[str, str]) -> Judged:
    texts = {r.row_id: Said(said.get(r.row_id, ""), True, 1) for r in rows}
    return Judged(scores_of(labeller, rows, said), texts)


def scores_of(labeller: Labeller, rows: Sequence[Row], said: Mapping[str, str]) -> PerRow:
    """Accuracy, or strict span F1 as numerator and denominator. An answer counts for the label it names."""
    if labeller.task == "tag":
        both = [(marked(labeller, r, said.get(r.row_id, "")), marked(labeller, r, r.answer or "")) for r in rows]
        return scoring.span_scores([s for s, _ in both], [g for _, g in both])
    right = [float(named(labeller, said.get(r.row_id, "")) == (r.answer or "").strip()) for r in rows]
    return PerRow(np.asarray(right), np.ones(len(rows)))


def named(labeller: Labeller, answer: str) -> str:
    """The label that an answer names; the answer itself where it names none."""
    at = labeller.labels.find(answer)
    return answer.strip() if at is None else labeller.labels.names[at]


def marked(labeller: Labeller, row: Row, answer: str) -> list[tuple[int, int, str]]:
    """Spans of an answer; mentions that the text does not have stand outside it, so that they count as wrong or missed."""
    mentions = spans_of_text(answer)
    if mentions is None:
        return []
    placed = place(mentions, labeller.reader.text(row))
    nowhere = [(-1 - i, -1 - i, m.kind) for i, (m, _) in enumerate(placed.lost)]
    return [*((s.start, s.end, s.kind) for s in placed.spans), *nowhere]


def judge_student(work: Work, arm: str) -> Judged:
    """The student as it is, on the held-out rows."""
    assert work.labelling is not None
    rows = work.session.heldout_rows
    work.session.events.emit("phase", phase="evaluate", stage=arm, total=len(rows))
    return judged(work.labelling, rows, work.labelling.say(work.model, rows, arm))


def judge_base(work: Work) -> Judged:
    assert work.labelling is not None
    rows = work.session.heldout_rows
    return judged(work.labelling, rows, work.labelling.base_says(rows))


def judge_teacher(work: Work) -> Judged | None:
    """The recipe's teacher by its labels, or the columns of soft labels that stages learn from; None where there is neither."""
    labeller, session = work.labelling, work.session
    assert labeller is not None
    rows, began = session.heldout_rows, time.perf_counter()
    if session.recipe.teacher is not None:
        session.events.emit("phase", phase="evaluate", stage="teacher", total=len(rows))
        said = teacher_says(work, "teacher", rows)
        labeller.milliseconds["teacher"] = 1000 * (time.perf_counter() - began) / max(1, len(rows))
        work.drop_teacher()
        return judged(labeller, rows, said)
    found = _columns(work)
    return None if found is None else judged(labeller, rows, found)


def teacher_says(work: Work, name: str, rows: Sequence[Row]) -> dict[str, str]:
    """The label a teacher finds likeliest, where its likelihoods are read; else what it answers greedily."""
    labeller, asked = work.labelling, work.session.recipe.student.labelling
    assert labeller is not None
    away = name in work.session.endpoints
    if labeller.task == "classify" and not away and asked.teacher in ("auto", "likelihood"):
        voice = of_teacher(work, name, rows, labeller.reader)
        return {row_id: labeller.labels.names[int(p[0].argmax())] for row_id, p in voice.soft.items()}
    from ..pipeline.askers import ask

    longest = work.session.recipe.evaluation.max_new_tokens
    requests = [Request(asked_messages(r, asked.instruction, labeller.labels), longest) for r in rows]
    replies = ask(work, name, requests, f"{name} on held-out rows")
    return {r.row_id: reply.text if reply.ok else "" for r, reply in zip(rows, replies, strict=True)}


def _columns(work: Work) -> dict[str, str] | None:
    """What the columns of the last stage that reads any say of the held-out rows, as the recipe weighs them."""
    labeller, rows = work.labelling, work.session.heldout_rows
    assert labeller is not None
    trains = [s for _, s in work.session.recipe.flat() if isinstance(s, Train)]
    members = next((m for s in reversed(trains) if (m := [x for x in s.teaching.members if x.kind == "column"])), [])
    voices = [column(m.name, rows, labeller.reader) for m in members]
    if labeller.task == "tag" or not voices or any(v.silent for v in voices):
        return None
    weights = Combine([v.name for v in voices], [m.weight for m in members]).weights
    mixed = {r.row_id: sum(w * v.soft[r.row_id] for w, v in zip(weights, voices, strict=True)) for r in rows}
    return {row_id: labeller.labels.names[int(np.asarray(p)[0].argmax())] for row_id, p in mixed.items()}


# -- beside the score -------------------------------------------------------------------------------------------------


def details(work: Work, arms: Mapping[str, Judged]) -> dict[str, Any]:
    """The report's part about labels: macro F1, tables, what is mixed up, teachers' weights, what was lost, time a row."""
    labeller, session = work.labelling, work.session
    assert labeller is not None
    rows = session.heldout_rows
    out: dict[str, Any] = {
        "task": labeller.task,
        "labels": list(labeller.labels.kinds or labeller.labels.names),
        "attention": labeller.spec.attention,
        "trained_whole": list(labeller.saved),
        "teacher_weights": labeller.teacher_weights,
        "soft_labels": labeller.soft,
        "milliseconds_per_row": {n: round(v, 3) for n, v in labeller.milliseconds.items()},
        "lost_spans": len(labeller.lost),
        "unmatched_answers": len(labeller.unmatched.rows),
        "base": "no span at all"
        if labeller.task == "tag"
        else f"always {labeller.labels.names[int(labeller.prior.argmax())]!r}",
        "arms": {},
    }
    unknown = set()
    for name, arm in arms.items():
        said = {k: s.text for k, s in arm.said.items()}
        if labeller.task == "tag":
            mine = [marked(labeller, r, said.get(r.row_id, "")) for r in rows]
            gold = [marked(labeller, r, r.answer or "") for r in rows]
            out["arms"][name] = {"table": scoring.by_kind(mine, gold)}
            continue
        golds = [(r.answer or "").strip() for r in rows]
        mine_ = [named(labeller, said.get(r.row_id, "")) for r in rows]
        low, high = scoring.macro_interval(
            mine_, golds, min(500, session.recipe.evaluation.bootstrap), session.recipe.seed
        )
        unknown = {g for g in golds if g not in labeller.labels.index}
        out["arms"][name] = {
            "macro_f1": {"value": scoring.macro_f1(mine_, golds), "low": low, "high": high},
            "table": scoring.by_label(mine_, golds),
            "confused": scoring.confused(mine_, golds),
        }
    out["labels_never_learnt"] = sorted(unknown)
    return out
