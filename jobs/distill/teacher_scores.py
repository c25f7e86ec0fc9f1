"""Scores of every teacher of a run: the recipe's further teachers, and those that learnt before they taught."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .evaluate import Judged, judge
from .pipeline.scored import judge_asked
from .recipe import Generate, Recipe, Train, Write
from .scores import Bootstrap
from .session import Session

if TYPE_CHECKING:
    from .work import Work


def judge_others(work: Work, metric: str) -> None:
    """Scores the recipe's further teachers before anything is trained; one at a time is in memory."""
    session = work.session
    for name in further_teachers(session.recipe):
        if name in session.sources:
            work.judged[name] = judge(session, work.teacher_speaker(name), name, metric)
            work.drop_teacher()
        elif name in session.endpoints and (judged := judge_asked(work, name, metric)):
            work.judged[name] = judged


def further_teachers(recipe: Recipe) -> list[str]:
    """Names of the further teachers that a stage asks, learns from or trains."""
    stages = [s for _, s in recipe.flat()]
    trains = [s for s in stages if isinstance(s, Train)]
    asked = {s.teacher for s in stages if isinstance(s, Generate)} | {s.learner for s in trains}
    asked |= {s.by for s in stages if isinstance(s, Write)}
    asked |= {m.name for s in trains for m in s.teaching.members if m.kind == "model"}
    return [t.id for t in recipe.teachers if t.id in asked]


def judge_learnt(work: Work, arms: dict[str, Judged], later: Sequence[Any]) -> None:
    """Scores a teacher or assistant again once it learns no more: from then on it speaks with its adapter. The main teacher's
    arm is then the corrected one; what it scored before stands beside it."""
    to_learn = {s.learner for s in later if isinstance(s, Train)}
    done = [n for n, who in work.learners.items() if n != "student" and who.trained and n not in to_learn]
    for name in done:
        before = f"{name} before training"
        if before in work.judged:
            continue
        with work.session.timed("evaluate"):
            found = judge(
                work.session, work.teacher_speaker(name), f"{name}-trained", work.metric
            )  # results are kept by name
        if name == "teacher" and "teacher" in arms:
            work.judged[before] = arms["teacher"]
            arms["teacher"], work.teacher_said = found, found.said
        elif name in work.judged:
            work.judged[before], work.judged[name] = work.judged[name], found


def against_teachers(session: Session, student: Judged, judged: Mapping[str, Judged]) -> dict[str, Any]:
    """Each teacher beside the main one: its score, and by how much the student differs from it, with intervals."""
    settings = session.recipe.evaluation
    out = {}
    for name, arm in judged.items():
        boot = Bootstrap({"student": student.scores, name: arm.scores}, settings.bootstrap, session.recipe.seed)
        out[name] = {"score": boot.score(name).as_dict(), "student_minus": boot.difference("student", name).as_dict()}
    return out
