"""A whole run, from its folder to its adapter: prepare, teacher and base scores, stages, control, scores, export."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from pathlib import Path
from typing import Any

from . import outcomes, stages, teaching
from .errors import PlanRefused
from .evaluate import Judged, answer_bits, judge, metric_of, settings_of
from .events import Events
from .export import adapter_bytes, export
from .head import Head, probe
from .outputs import keep as keep_outputs
from .pipeline.carry import carry_out, make_rows, reads_student
from .pipeline.depths import solve_rates
from .pipeline.scored import judge_asked
from .pipeline.using import export_use, judge_together
from .ranks import here, lockstep, turns
from .recipe import Generate, Prefer, Record, Select, Train, Verify, Write
from .recording import recorded_teacher
from .report import build
from .rows import stratified
from .selecting import select
from .session import Session, open_session
from .teacher_scores import against_teachers, judge_others
from .watching import teacher_answers
from .work import Work

START_ROWS = 64
UNLIKELY = 0.8  # of blind chance


def distill(folder: Path, events: Events, signals: list[Path] | None = None) -> dict[str, Any]:
    """Runs or resumes the run of `folder`; returns the report. Raises DistillError, or Stopped after a checkpoint."""
    began = time.monotonic()
    session = open_session(folder, events, signals)
    session.listen()
    events.emit("phase", phase="prepare", stage=None, total=None)
    with session.timed("prepare"):
        session.check_rows()
        with turns():  # the student's shape is made once
            work = stages.begin(session)
        if work.labelling is None:
            with lockstep():
                probe(work.model, Head.of(work.model, work.student.vocab))
            if here().leader:
                _measure_start(work)
            if session.apart is not None and session.apart.teaches:
                work.model.to("meta")  # this rank computes the teacher alone
        elif session.sharing is not None or session.apart is not None:
            raise PlanRefused(
                "A student that names labels is trained on whole models.",
                field="student.placement",
                hint="Set the placement of student and teacher to each.",
            )
    if work.labelling is not None:
        from .labelling.run import label_run

        return _ended(events, label_run(work), began)
    metric = work.metric = metric_of(session)
    if not here().leader:
        return _follow(work)
    _tell_of_ranks(session)
    arms = _before(work, metric)
    names = carry_out(work, work.session.recipe.stages, arms)
    _after(work, arms, metric, names)
    report = _finish(work, arms, metric, names)
    _last_service(work)
    return _ended(events, report, began)


def _ended(events: Events, report: dict[str, Any], began: float) -> dict[str, Any]:
    if report:
        events.emit("report", report=report)
        events.emit("done", seconds=round(time.monotonic() - began, 3))
    return report


def _follow(work: Work) -> dict[str, Any]:
    """The part of another rank than the first: the stages and the control, no scores and no report."""
    carry_out(work, work.session.recipe.stages, {})
    work.drop_teacher()
    stages.train_control(work)
    _last_service(work)
    return {}


def _last_service(work: Work) -> None:
    """Where weights are shared out, the other ranks stay until the first one has its scores."""
    if work.session.sharing is not None:
        here().wait()


def _tell_of_ranks(session: Session) -> None:
    if (size := here().size) > 1:
        learn = size - (session.apart is not None)
        share = "each reads a share of a step's rows" if learn == size else f"{learn} train and one teaches"
        why = f"{share}; the result is that of one process up to rounding"
        session.events.reason("ranks", size, why)


def _measure_start(work: Work) -> None:
    """How unlikely gold answers are under the untrained student. A frozen output layer that never says the words of the
    answers is not repaired by adapters below it, so this is said before the training is paid for."""
    session = work.session
    rows = stratified([r for r in session.train_rows if r.labelled], START_ROWS)
    if not rows:
        return
    work.model.eval()
    examples = [work.student.renderer.example(r) for r in rows]
    nats = sum(answer_bits(work.student_speaker(), examples)) * math.log(2) / sum(e.supervised for e in examples)
    chance = math.log(work.student.vocab)
    text = (
        f"Before training the student finds gold answers {nats:.1f} nats a token unlikely (blind chance: {chance:.1f})."
    )
    unlikely = nats > UNLIKELY * chance and not session.recipe.student.adapter.head
    hint = " Adapting the output layer too (student.adapter.head) may help." if unlikely else ""
    session.events.log(text + hint, "warning" if unlikely else "info")


def _before(work: Work, metric: str) -> dict[str, Judged]:
    """Scores of base and teacher, before anything is spent on training."""
    session, arms = work.session, {}
    with session.timed("evaluate"):
        work.model.eval()
        with work.model.disable_adapter():
            arms["base"] = judge(session, work.student_speaker(), "base", metric)
        if "teacher" in session.sources and session.recipe.teacher:
            arms["teacher"] = judge(session, work.teacher_speaker(), "teacher", metric)
            work.teacher_said = arms["teacher"].said
            work.teacher_watched = teacher_answers(work, metric)
            _warn_of_no_gap(session, arms, metric)
        elif "teacher" in session.endpoints and (judged := judge_asked(work, "teacher", metric)):
            arms["teacher"], work.teacher_said = judged, judged.said
            _warn_of_no_gap(session, arms, metric)
        judge_others(work, metric)
    stages.training_mode(work.model)
    return arms


def _warn_of_no_gap(session: Session, arms: dict[str, Judged], metric: str) -> None:
    base, teacher = (float(arms[a].scores.mean()) for a in ("base", "teacher"))
    better = teacher < base if metric == "bits_per_byte" else teacher > base
    if not better:
        session.events.emit(
            "alarm",
            code="NO_GAP",
            step=0,
            message=f"The teacher scores {teacher:.3f} and the untrained student {base:.3f}: there is nothing to learn by this score.",
        )


def _after(work: Work, arms: dict[str, Judged], metric: str, names: list[str]) -> None:
    """Scores of the student, then the control arm and its scores; the student's adapter is in the model at the end."""
    session = work.session
    work.drop_teacher()
    _judge_trained(work, arms, "student", metric)
    trained = {n: p.detach().clone() for n, p in stages.trainable(work.model).items()}
    if stages.train_control(work):
        names.append("control")
        _judge_trained(work, arms, "control", metric)
    work.load_adapter(trained)
    work.model.eval()
    session.release()


def _judge_trained(work: Work, arms: dict[str, Judged], name: str, metric: str) -> None:
    work.model.eval()
    with work.session.timed("evaluate"):
        sha = hashlib.sha256(adapter_bytes(work.model)).hexdigest()
        if name == "student" and work.use is not None:
            arms[name] = judge_together(work, name, metric)
        else:
            arms[name] = judge(work.session, work.student_speaker(sha), name, metric)


def _finish(work: Work, arms: dict[str, Judged], metric: str, names: list[str]) -> dict[str, Any]:
    session = work.session
    training = {
        "training": {n: stages.outcome_of(session, n) for n in names},
        "trained": [n.partition("-")[2] for n in names if n != "control"],
        "teachers": against_teachers(session, arms["student"], work.judged),
        "signals": work.signals,
        "adapter_parameters": sum(p.numel() for p in stages.trainable(work.model).values()),
        "evaluation": settings_of(session.recipe.evaluation, metric),
        "made_rows": work.stage_facts,
        "rounds": work.rounds,
        **({"together": work.together} if work.together else {}),
        **solve_rates(work),
    }
    session.events.emit("phase", phase="export", stage=None, total=None)
    with session.timed("export"):
        report = build(session, arms, metric, training)
        report["outputs"] = keep_outputs(session.folder, work.train_rows, session.heldout_rows, work.written, arms)
        export(session, work.model, report)
        export_use(work)
    outcomes.write(work, arms, metric)
    (session.folder / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
    return report


def record(folder: Path, events: Events) -> Path:
    """Everything of a run that does not depend on training: teacher answers, signals, what base and teacher answer on the
    held-out rows. All of it lies in `signals/` in the end, which serves later runs (--signals)."""
    session = open_session(folder, events)
    session.listen()
    session.check_rows()
    work = stages.begin(session)
    if work.labelling is not None:
        raise PlanRefused(
            "A student that names labels has no signals to record.",
            field="student.task",
            hint="Its teacher's soft labels are kept by the run itself.",
        )
    _before(work, metric_of(session))
    for index, stage in enumerate(session.recipe.stages):
        if isinstance(stage, Generate):
            stages.generate(work, stage)
        elif isinstance(stage, (Write, Verify, Prefer)) and not reads_student(stage):
            make_rows(work, index, stage)
        elif isinstance(stage, Select) and stage.reference != "student":  # that one depends on training
            select(work, index, stage)
        elif isinstance(stage, Record):
            work.record = stage
        elif (
            isinstance(stage, Train)
            and stage.source.kind != "pairs"
            and teaching.can_be_recorded(stages.terms_of(stage))
        ):
            recorded_teacher(work, stage, stages.training_examples(work, stage))
    place = folder / "signals"
    shutil.copytree(folder / "answers", place / "answers", dirs_exist_ok=True)
    return place
