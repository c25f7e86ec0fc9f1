"""A run whose student has a label head, from its scores before training to its adapter: the stages are those of every run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import outcomes, stages
from ..evaluate import Judged, settings_of
from ..export import adapter_bytes
from ..outputs import FOLDER
from ..outputs import keep as keep_outputs
from ..pipeline.carry import carry_out
from ..ranks import here
from ..report import build
from .export import export
from .judging import details, judge_base, judge_student, judge_teacher
from .training import train_control
from .words import sentences

if TYPE_CHECKING:
    from ..work import Work

ARMS = ("base", "teacher")


def label_run(work: Work) -> dict[str, Any]:
    """Scores, stages, control, scores, export; returns the report (empty on other ranks than the first)."""
    assert work.labelling is not None
    session = work.session
    work.metric = work.labelling.metric
    if not here().leader:
        carry_out(work, session.recipe.stages, {})
        train_control(work)
        return {}
    session.events.reason("evaluation.metric", work.metric, _why(work.labelling.task))
    arms = _before(work)
    names = carry_out(work, session.recipe.stages, arms)
    work.drop_teacher()
    if work.learnt("teacher"):  # from here on it speaks with its adapter
        with session.timed("evaluate"):
            work.judged["teacher before training"] = arms["teacher"]
            arms["teacher"] = judge_teacher(work) or arms["teacher"]
    _after(work, arms, names)
    return _finish(work, arms, names)


def _why(task: str) -> str:
    if task == "tag":
        return "a tagger is judged by strict F1 of its spans: both ends and the kind must agree"
    return "a classifier is judged by the share of right labels; macro F1 and a table by label stand beside it"


def _before(work: Work) -> dict[str, Judged]:
    session, arms = work.session, {}
    with session.timed("evaluate"):
        arms["base"] = judge_base(work)
        teacher = judge_teacher(work)
    if teacher is not None:
        arms["teacher"] = teacher
        work.teacher_said = teacher.said
        base, top = (float(a.scores.mean()) for a in (arms["base"], teacher))
        if top <= base:
            session.events.emit(
                "alarm",
                code="NO_GAP",
                step=0,
                message=f"The teacher scores {top:.3f} and a head that has learnt nothing {base:.3f}: there is nothing to learn by this score.",
            )
    return arms


def _after(work: Work, arms: dict[str, Judged], names: list[str]) -> None:
    session = work.session
    with session.timed("evaluate"):
        arms["student"] = judge_student(work, "student")
    trained = {n: p.detach().clone() for n, p in stages.trainable(work.model).items()}
    if train_control(work):
        names.append("control")
        with session.timed("evaluate"):
            arms["control"] = judge_student(work, "control")
    work.load_adapter(trained)
    work.model.eval()
    session.release()


def _finish(work: Work, arms: dict[str, Judged], names: Sequence[str]) -> dict[str, Any]:
    session, labeller = work.session, work.labelling
    assert labeller is not None
    _list_lost(work)
    training = {
        "training": {n: stages.outcome_of(session, n) for n in names},
        "trained": [n.partition("-")[2] for n in names if n != "control"],
        "teachers": {},
        "signals": {},
        "adapter_parameters": sum(p.numel() for p in stages.trainable(work.model).values()),
        "evaluation": settings_of(session.recipe.evaluation, work.metric),
        "made_rows": work.stage_facts,
        "rounds": work.rounds,
    }
    session.events.emit("phase", phase="export", stage=None, total=None)
    with session.timed("export"):
        report = build(session, arms, work.metric, training)
        if labeller.task == "tag":
            report["slices"] = []
        report["labelling"] = details(work, arms)
        report["labelling"]["words"] = sentences(report)
        report["outputs"] = keep_outputs(session.folder, work.train_rows, session.heldout_rows, work.written, arms)
        report["parity"] = export(work, report)
    outcomes.write(work, arms, work.metric)
    (session.folder / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
    return report


def _list_lost(work: Work) -> None:
    """Every span and answer that could not be used, one a line, for a person to look at."""
    labeller = work.labelling
    assert labeller is not None
    place = work.session.folder / FOLDER
    spans = [{"row_id": x.row_id, "kind": x.kind, "text": x.text, "why": x.why} for x in labeller.lost]
    answers = [{"row_id": r, "answer": a, "why": "it names none of the labels"} for r, a in labeller.unmatched.rows]
    for name, lines in (("spans-lost", spans), ("answers-unmatched", answers)):
        if lines:
            place.mkdir(parents=True, exist_ok=True)
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            (place / f"{name}.jsonl").write_text(text, encoding="utf-8")


def head_sha256(work: Work) -> str:
    """Names the adapter and head as they are now."""
    return hashlib.sha256(adapter_bytes(work.model)).hexdigest()
