"""Recorded signals of a stage's teachers: found where they are at hand, recorded where they are missing, joined when read."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import signals
from .arm import Stopped
from .batches import limits_on
from .catalog.tables import get_part
from .outcomes import unsure_of
from .pairing import local_teacher
from .recipe import Record, Train
from .rows import Example
from .teachers.base import Teacher
from .teachers.recorded import JointSignals, RoutedSignals, SignalTeacher
from .teachers.several import DroppedTeachers, RoutedTeachers

if TYPE_CHECKING:
    from .work import Work


LOW_MASS = 0.95
MASS_EDGES = (0.8, 0.9, 0.95, 0.98, 0.99, 0.999)  # of the histogram of kept probability


def recorded_teacher(work: Work, stage: Train, examples: list[Example]) -> Teacher:
    """Signals of every example from each teacher of the stage, combined where they are read: taken from folders at hand,
    recorded where they are missing. One teacher is in memory at a time."""
    teaching, vocab = stage.teaching, work.learner(stage.learner).opened.vocab
    members, parts = [], parts_of(work, stage, examples)
    for member, some in zip(teaching.members, parts, strict=True):
        members.append(SignalTeacher(_store(work, stage, some, member.name), some))
        if len(teaching.members) > 1:
            vocab = min(vocab, work.teachers[member.name].vocab if member.name in work.teachers else vocab)
            work.drop_teacher(stage.learner)
    weights = [m.weight for m in teaching.members]
    if len(members) == 1:
        return members[0]
    if teaching.combine == "route":
        return RoutedSignals(members, {e.row_id: k for k, some in enumerate(parts) for e in some})
    if teaching.combine == "drop":
        return DroppedTeachers(members, weights, work.session.recipe.seed)
    return JointSignals(members, weights, teaching.combine, vocab)


def parts_of(work: Work, stage: Train, examples: list[Example]) -> list[list[Example]]:
    """The rows that each member of the stage's teaching reads: all of them, or those of its domains."""
    members = stage.teaching.members
    if stage.teaching.combine != "route" or len(members) == 1:
        return [examples] * len(members)
    route = routed(work, stage, [])
    chosen = [route.member(e) for e in examples]
    return [[e for e, c in zip(examples, chosen, strict=True) if c == k] for k in range(len(members))]


def _store(work: Work, stage: Train, examples: list[Example], name: str) -> signals.Store:
    """One teacher's signals of these rows, complete."""
    session = work.session
    settings = signal_settings(work, stage, name)
    store = signals.Store(signal_folder(work, name), settings, session.events)
    keys = [e.key for e in examples]
    for place in _places(work, settings):
        if place != store.folder:
            store.adopt(signals.Store(place, settings, writable=False), keys)
    missing = len(store.missing(keys))
    total = len(set(keys))
    whose = "" if name == "teacher" else f" of {name!r}"
    session.events.reason(
        "signals",
        f"{total - missing} of {total} rows{whose}",
        "found recorded; the rest is recorded now" if missing else "found recorded: the teacher does not run",
    )
    if missing:
        _record(work, stage, examples, store, name)
    if keys:
        _tell_of_signals(work, store, keys, name, total - missing)
    if name == "teacher":
        work.unsure.update(unsure_of(store, examples))
    return store


def signal_folder(work: Work, name: str) -> Path:
    """Where a run keeps one teacher's signals: the main teacher's at the top, each other's in a folder of its own."""
    top = work.session.folder / "signals"
    return top if name == "teacher" and not work.learnt(name) else top / work.teacher_sha256(name)[:16]


def _places(work: Work, wanted: signals.Settings) -> list[Path]:
    """Folders at hand whose signals may serve, each teacher's own folder among them; shards are checked one by one."""
    found = []
    for top in work.session.signals:
        for place in (top, *sorted(p for p in top.iterdir() if p.is_dir())):
            held = signals.read_settings(place)
            if held and held.serves(replace(wanted, label=False)):
                found.append(place)
    return found


def signal_settings(work: Work, stage: Train, name: str = "") -> signals.Settings:
    """What the stage's terms need of a teacher's signals; without a name, of its first teacher's."""
    record = work.record or Record()
    wanted = {*record.temperatures, *(t.temperature for t in stage.terms), 1.0}
    teacher = _signals_of(work, name or stage.teaching.members[0].name)
    return signals.Settings(teacher, record.top_k, record.mass, tuple(sorted(wanted)), _reads_label(stage))


def _reads_label(stage: Train) -> bool:
    """Whether a term reads the teacher's log-probability of the label, which format 1 does not hold."""
    reads = [r for t in stage.terms if t.weight > 0 or t.schedule for r in get_part(t.type).reads]
    return any(r.startswith("teacher.") and "label" in r for r in reads)


def _signals_of(work: Work, teacher: str) -> str:
    """Names the teacher's weights, and the part of its vocabulary where the student knows only a part."""
    found, shape = work.teacher_sha256(teacher), work.session.recipe.student.shape
    if shape is None or shape.kind != "trim_vocab":
        return found
    return hashlib.sha256(f"{found} {work.session.sources['student'].sha256}".encode()).hexdigest()


def _record(work: Work, stage: Train, examples: list[Example], store: signals.Store, name: str) -> None:
    session, missing = work.session, len(store.missing(e.key for e in examples))
    with session.timed("teacher"):
        local = local_teacher(work, work.open_teacher(name), stage.learner)
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


def _tell_of_signals(work: Work, store: signals.Store, keys: list[str], name: str, found: int) -> None:
    """How much of the teacher the signals hold, as a histogram over positions. Top-k signals that hold little of its
    probability teach little of its shape."""
    column, rows = store.settings.temperatures.index(1.0), list(dict.fromkeys(keys))
    held = np.concatenate([store[key].held(column) for key in rows])
    mean, size = float(held.mean()), store.size(rows)
    counts = np.histogram(held, [0.0, *MASS_EDGES, 1.01])[0]
    work.signals[name] = {
        "rows": len(rows), "found": found, "hit_rate": found / len(rows), "positions": len(held), "bytes": size,
        "bytes_per_position": round(size / len(held), 1), "mean_mass": mean, "mass_edges": list(MASS_EDGES),
        "mass_counts": counts.tolist(),
    }  # fmt: skip
    share = ", ".join(
        f"{n / len(held):.0%} {where}"
        for n, where in zip(
            counts, ("below " + f"{MASS_EDGES[0]:g}", *(f"from {e:g}" for e in MASS_EDGES)), strict=True
        )
        if n
    )
    text = (
        f"The recorded top {store.settings.top_k} hold {mean:.2%} of the teacher's probability on average ({share}); "
        f"{size:,} bytes, {size / len(held):.0f} a position; hit rate {found / len(rows):.0%}."
    )
    work.session.events.log(text, "warning" if mean < LOW_MASS else "info")


def signals_cover(work: Work, stage: Train, examples: list[Example]) -> bool:
    """Whether every teacher's signals of the rows it reads are at hand."""
    for member, some in zip(stage.teaching.members, parts_of(work, stage, examples), strict=True):
        wanted = signal_settings(work, stage, member.name)
        missing = {e.key for e in some}
        for place in _places(work, wanted):
            missing = set(signals.Store(place, wanted, writable=False).missing(missing))
        if missing:
            return False
    return True


def routed(work: Work, stage: Train, members: Sequence[Teacher]) -> RoutedTeachers:
    """Which member answers for which rows."""
    of_row = {r.row_id: str(r.fields.get("domain") or "") for r in work.session.rows}
    listed = stage.teaching.members
    domains = {d: k for k, m in enumerate(listed) for d in m.domains}
    other = next((k for k, m in enumerate(listed) if not m.domains), None)
    return RoutedTeachers(members, of_row, domains, other)
