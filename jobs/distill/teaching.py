"""The teacher's side of training: recorded signals or the model itself, whichever is asked for or costs least."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from . import signals
from .align.example import Aligner
from .arm import Stopped
from .batches import limits_on
from .capture import shape_of
from .catalog.tables import get_part
from .errors import PlanRefused
from .objectives.states import ModelShape
from .recipe import Member, Record, Train
from .rows import Example
from .session import Opened
from .shapes.vocabulary import kept_ids
from .step import Term
from .teachers.aligned import AlignedTeacher
from .teachers.base import Teacher
from .teachers.local import LocalTeacher
from .teachers.own import AdapterTeacher, BaseTeacher
from .teachers.privileged import PrivilegedTeacher, privileged_prompts
from .teachers.recorded import SignalTeacher
from .weights import backbone

if TYPE_CHECKING:
    from .work import Learner, Work

LOW_MASS = 0.95


def recorded_teacher(work: Work, stage: Train, examples: list[Example]) -> SignalTeacher:
    """Signals of every example: taken from folders at hand, recorded where they are missing."""
    session = work.session
    settings = signal_settings(work, stage)
    store = signals.Store(session.folder / "signals", settings, session.events)
    keys = [e.key for e in examples]
    for place in session.signals:
        found = signals.read_settings(place)
        if place != store.folder and found and found.serves(settings):
            store.adopt(signals.Store(place, found, session.events, writable=False), keys)
    missing = len(store.missing(keys))
    total = len(set(keys))
    session.events.reason(
        "signals",
        f"{total - missing} of {total} rows",
        "found recorded; the rest is recorded now" if missing else "found recorded: the teacher does not run",
    )
    if missing:
        _record(work, examples, store, missing)
        _warn_of_low_mass(work, store, keys)
    return SignalTeacher(store, examples)


def signal_settings(work: Work, stage: Train) -> signals.Settings:
    record = work.record or Record()
    wanted = {*record.temperatures, *(t.temperature for t in stage.terms), 1.0}
    return signals.Settings(
        _signals_of(work, stage.teaching.members[0].name), record.top_k, record.mass, tuple(sorted(wanted))
    )


def _signals_of(work: Work, teacher: str) -> str:
    """Names the teacher's weights, and the part of its vocabulary where the student knows only a part."""
    found, shape = work.teacher_sha256(teacher), work.session.recipe.student.shape
    if shape is None or shape.kind != "trim_vocab":
        return found
    return hashlib.sha256(f"{found} {work.session.sources['student'].sha256}".encode()).hexdigest()


def _record(work: Work, examples: list[Example], store: signals.Store, missing: int) -> None:
    session = work.session
    with session.timed("teacher"):
        local = local_teacher(work, work.open_teacher())
        session.events.emit("phase", phase="teacher", stage="record signals", total=missing)
        began = time.monotonic()

        def told(done: int) -> bool:
            rate = done / max(1e-6, time.monotonic() - began)
            session.events.emit(
                "progress",
                phase="teacher",
                done=done,
                total=missing,
                unit="rows",
                rate=rate,
                eta=(missing - done) / rate,
            )
            return session.stopping

        if not local.record(examples, store, limits_on(session.device.type, 64, None), 256, told):
            raise Stopped


def _warn_of_low_mass(work: Work, store: signals.Store, keys: list[str]) -> None:
    """Top-k signals that hold little of the teacher's probability teach little of its shape."""
    column = store.settings.temperatures.index(1.0)
    held = []
    for key in dict.fromkeys(keys):
        row = store[key]
        lse = np.repeat(row.lse[:, column], row.counts)
        position = np.repeat(np.arange(len(row.counts)), row.counts)
        held.append(np.bincount(position, np.exp(row.z.astype(np.float32) - lse), len(row.counts)))
    mean = float(np.concatenate(held).mean())
    text = f"The recorded top {store.settings.top_k} hold {mean:.2%} of the teacher's probability on average; {store.size():,} bytes."
    work.session.events.log(text, "warning" if mean < LOW_MASS else "info")


def can_be_recorded(terms: Sequence[Term]) -> bool:
    """Whether signals serve these terms: a teacher in its own tokens is asked while the student trains."""
    needs = [t.objective.part.needs for t in terms]
    return any("teacher" in n for n in needs) and not any("aligned" in n for n in needs)


def local_teacher(work: Work, teacher: Opened) -> LocalTeacher:
    """The teacher beside the student. A student whose vocabulary was trimmed reads a part of the teacher's."""
    shape = work.session.recipe.student.shape
    if shape is not None and shape.kind == "trim_vocab":
        tokenizers = [o.renderer.tokenizer.get_vocab() for o in (work.student, teacher)]
        if (kept := kept_ids(*tokenizers)) is not None:
            return LocalTeacher(teacher.model, kept=kept)
    check_vocabulary(work, teacher)
    return LocalTeacher(teacher.model, shared_vocabulary(work, teacher))


def check_vocabulary(work: Work, teacher: Opened) -> None:
    """Token-level terms need the same token -> id map on both sides; sizes of embedding matrices prove nothing."""
    mine, other = work.student.renderer.tokenizer.get_vocab(), teacher.renderer.tokenizer.get_vocab()
    if mine != other:
        raise PlanRefused(
            "Teacher and student have different tokenizers, so their probabilities cannot be compared token by token.",
            field="teacher.model",
            hint="Use a method for different tokenizers (likelihood matching, for one), train on the teacher's answers, or choose a teacher of the student's family.",
        )
    if work.student.renderer.template != teacher.renderer.template:
        work.session.events.reason(
            "template",
            "the student's",
            "teacher and student have different chat templates; both read the student's token ids",
        )


def shared_vocabulary(work: Work, teacher: Opened) -> int:
    return min(work.student.vocab, teacher.vocab)


@dataclass
class Taught:
    """A stage's teacher and what comes with it. `moving` is the adapter's average that an `ema` teacher reads."""

    teacher: Teacher | None = None
    shape: ModelShape | None = None
    vocab: int | None = None  # ids that both models know; None: the learner's own
    moving: dict[str, Tensor] = field(default_factory=dict)
    decay: float | None = None


def teacher_side(work: Work, stage: Train, terms: Sequence[Term], examples: list[Example], passes: float) -> Taught:
    """Online, recorded or no teacher: asked for, or what costs least, with the reason."""
    if not any(t.objective.needs_teacher for t in terms):
        return Taught()
    member = stage.teaching.members[0]
    if member.kind != "model":
        return _own_teacher(work, stage, member)
    if any("aligned" in t.objective.part.needs for t in terms):
        return _aligned_teacher(work, stage, terms)
    mode, why = _teacher_mode(work, stage, examples, passes)
    if mode == "recorded":
        if why:
            work.session.events.reason("train.teacher", "recorded", why)
        side = recorded_teacher(work, stage, examples)
        vocab = shared_vocabulary(work, work.teacher) if work.teacher else None
        work.drop_teacher()
        return Taught(side, vocab=vocab)
    if why:
        work.session.events.reason("train.teacher", "online", why)
    opened = work.open_teacher(member.name)
    vocab = shared_vocabulary(work, opened)
    return Taught(local_teacher(work, opened), shape_of(opened.model, backbone(opened.model)), vocab)


def _aligned_teacher(work: Work, stage: Train, terms: Sequence[Term]) -> Taught:
    """A teacher that reads the rows in its own template and tokens, for terms that compare what stands for the same text."""
    others = [t.objective.name for t in terms if t.objective.needs_teacher and "aligned" not in t.objective.part.needs]
    if others or stage.teacher == "recorded" or len(stage.teaching.members) > 1 or stage.teaching.privileged:
        raise PlanRefused(
            "Terms for different tokenizers need one teacher that runs beside the student and reads what the student reads, "
            + (f"and {', '.join(others)} compares token by token." if others else "in its own tokens."),
            field="terms" if others else "teacher",
            hint="Use teacher: online with one teacher, and terms of one sort in a stage.",
        )
    opened, learner = work.open_teacher(stage.teaching.members[0].name), work.learner(stage.learner)
    why = "it reads each row in its own tokens, so there are no signals to keep"
    work.session.events.reason("train.teacher", "online", why)
    rows = {r.row_id: replace(r, answer=work.written.get(r.row_id, r.answer)) for r in work.train_rows}
    aligner = Aligner(learner.opened.renderer, opened.renderer, rows, opened.context)
    side = AlignedTeacher(
        opened.model, opened.vocab, aligner, learner.model, learner.opened.vocab,
        lambda text: work.session.events.log(text, "warning"),
    )  # fmt: skip
    return Taught(side, shape_of(opened.model, backbone(opened.model)))


def _own_teacher(work: Work, stage: Train, member: Member) -> Taught:
    """The learner's base, its moving average, or the adapter an earlier stage ended with."""
    learner = work.learner(stage.learner)
    shape = shape_of(learner.model, backbone(learner.model))
    if member.kind == "base":
        return Taught(BaseTeacher(learner.model, learner.opened.vocab), shape)
    if member.kind == "adapter":
        earlier = work.adapter_of(member.name)
        return Taught(AdapterTeacher(learner.model, lambda: earlier, learner.opened.vocab), shape)
    moving = learner.adapter()
    teacher = AdapterTeacher(learner.model, lambda: moving, learner.opened.vocab)
    return Taught(teacher, shape, moving=moving, decay=stage.teaching.ema_decay)


def sees_more(work: Work, learner: Learner, stage: Train, teacher: Teacher) -> Teacher:
    """The teacher with each row's privileged text before the question; rows it cannot be done for are counted and said."""
    longest = learner.opened.context - max(stage.source.max_new_tokens, 1)
    prompts, none, long = privileged_prompts(work.train_rows, learner.opened.renderer, longest)
    if not prompts:
        raise PlanRefused(
            f"The teacher is to see more than the student, but none of {none + long} rows has privileged text that fits: {none} have none, {long} are longer than {longest} tokens with it.",
            field="teaching.privileged",
            hint="Name a column with worked solutions as privileged, or switch this off.",
        )
    if none or long:
        work.session.events.log(
            f"The teacher sees no more than the student in {none + long} rows: {none} have no privileged text, {long} are longer than {longest} tokens with it.",
            "warning",
        )
    return PrivilegedTeacher(teacher, prompts)


def _teacher_mode(work: Work, stage: Train, examples: list[Example], passes: float) -> tuple[str, str]:
    if stage.teacher != "auto":
        return stage.teacher, ""
    if stage.source.kind == "pairs":
        return "online", "pairs are put together when the stage begins"
    if stage.source.kind != "fixed":
        return "online", "the student's own answers are new each time"
    if stage.teaching.privileged:
        return "online", "the teacher reads other prompts than the student"
    if whole := whole_distribution(stage):
        return "online", f"{whole} reads the teacher's whole distribution"
    if work.record is not None:
        return "recorded", "an earlier stage records signals"
    if work.session.signals and signals_cover(work, stage, examples):
        return "recorded", "the signals of every row are at hand"
    if passes >= 1.5:
        return "recorded", f"each row is seen {passes:.1f} times: one teacher pass serves them all"
    return "online", f"each row is seen {passes:.1f} times: recording would save nothing"


def whole_distribution(stage: Train) -> str | None:
    """The first term that no recorded signals can serve, by its title."""
    for term in stage.terms:
        part = get_part(term.type)
        if term.weight > 0 and ("live_teacher" in part.needs or term.options.get("tail") == "student_support"):
            return part.title
    return None


def signals_cover(work: Work, stage: Train, examples: list[Example]) -> bool:
    wanted = signal_settings(work, stage)
    missing = {e.key for e in examples}
    for place in work.session.signals:
        found = signals.read_settings(place)
        if found and found.serves(wanted):
            missing = set(signals.Store(place, found, writable=False).missing(missing))
    return not missing
