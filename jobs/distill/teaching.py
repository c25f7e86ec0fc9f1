"""The teacher's side of training: recorded signals or the model itself, whichever is asked for or costs least."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from . import signals
from .batches import limits_on
from .errors import PlanRefused
from .recipe import Record, Train
from .rows import Example
from .session import Opened
from .teachers.local import LocalTeacher
from .teachers.recorded import SignalTeacher
from .train import Stopped, Term

if TYPE_CHECKING:
    from .stages import Work

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
    return signals.Settings(work.session.sources["teacher"].sha256, record.top_k, record.mass, tuple(sorted(wanted)))


def _record(work: Work, examples: list[Example], store: signals.Store, missing: int) -> None:
    session = work.session
    with session.timed("teacher"):
        opened = work.open_teacher()
        check_vocabulary(work, opened)
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

        if not LocalTeacher(opened.model, shared_vocabulary(work, opened)).record(
            examples, store, limits_on(session.device.type, 64, None), 256, told
        ):
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


def check_vocabulary(work: Work, teacher: Opened) -> None:
    """Token-level terms need the same token -> id map on both sides; sizes of embedding matrices prove nothing."""
    mine, other = work.student.renderer.tokenizer.get_vocab(), teacher.renderer.tokenizer.get_vocab()
    if mine != other:
        raise PlanRefused(
            "Teacher and student have different tokenizers, so their probabilities cannot be compared token by token.",
            field="teacher.model",
            hint="Use sequence-level distillation (train on the teacher's answers), or a teacher of the student's family.",
        )
    if work.student.renderer.template != teacher.renderer.template:
        work.session.events.reason(
            "template",
            "the student's",
            "teacher and student have different chat templates; both read the student's token ids",
        )


def shared_vocabulary(work: Work, teacher: Opened) -> int:
    return min(work.student.vocab, teacher.vocab)


def teacher_side(
    work: Work, stage: Train, terms: Sequence[Term], examples: list[Example], passes: float
) -> LocalTeacher | SignalTeacher | None:
    """Online, recorded or no teacher: asked for, or what costs least, with the reason."""
    if not any(t.objective.needs_teacher for t in terms):
        return None
    mode, why = _teacher_mode(work, stage, examples, passes)
    if mode == "recorded":
        if why:
            work.session.events.reason("train.teacher", "recorded", why)
        side = recorded_teacher(work, stage, examples)
        work.drop_teacher()
        return side
    if why:
        work.session.events.reason("train.teacher", "online", why)
    opened = work.open_teacher()
    check_vocabulary(work, opened)
    return LocalTeacher(opened.model, shared_vocabulary(work, opened))


def _teacher_mode(work: Work, stage: Train, examples: list[Example], passes: float) -> tuple[str, str]:
    if stage.teacher != "auto":
        return stage.teacher, ""
    if work.record is not None:
        return "recorded", "an earlier stage records signals"
    if work.session.signals and signals_cover(work, stage, examples):
        return "recorded", "the signals of every row are at hand"
    if passes >= 1.5:
        return "recorded", f"each row is seen {passes:.1f} times: one teacher pass serves them all"
    return "online", f"each row is seen {passes:.1f} times: recording would save nothing"


def signals_cover(work: Work, stage: Train, examples: list[Example]) -> bool:
    wanted = signal_settings(work, stage)
    missing = {e.key for e in examples}
    for place in work.session.signals:
        found = signals.read_settings(place)
        if found and found.serves(wanted):
            missing = set(signals.Store(place, found, writable=False).missing(missing))
    return not missing
