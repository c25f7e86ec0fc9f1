"""The teacher's side of training: recorded signals or the model itself, whichever is asked for or costs least."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
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
from .teachers.recorded import JointSignals, RoutedSignals, SignalTeacher
from .teachers.several import DroppedTeachers, JointTeachers, RoutedTeachers
from .weights import backbone

if TYPE_CHECKING:
    from .work import Learner, Work

LOW_MASS = 0.95
MASS_EDGES = (0.8, 0.9, 0.95, 0.98, 0.99, 0.999)  # of the histogram of kept probability


def recorded_teacher(work: Work, stage: Train, examples: list[Example]) -> Teacher:
    """Signals of every example from each teacher of the stage, combined where they are read: taken from folders at hand,
    recorded where they are missing. One teacher is in memory at a time."""
    teaching, vocab = stage.teaching, work.learner(stage.learner).opened.vocab
    members, parts = [], _parts(work, stage, examples)
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


def _parts(work: Work, stage: Train, examples: list[Example]) -> list[list[Example]]:
    """The rows that each member of the stage's teaching reads: all of them, or those of its domains."""
    members = stage.teaching.members
    if stage.teaching.combine != "route" or len(members) == 1:
        return [examples] * len(members)
    route = _route(work, stage, [])
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


def can_be_recorded(terms: Sequence[Term]) -> bool:
    """Whether signals serve these terms: a teacher in its own tokens is asked while the student trains."""
    needs = [t.objective.part.needs for t in terms]
    return any("teacher" in n for n in needs) and not any("aligned" in n for n in needs)


def local_teacher(work: Work, teacher: Opened, learner: str = "student") -> LocalTeacher:
    """The teacher beside who learns. A student whose vocabulary was trimmed reads a part of the teacher's."""
    shape, mine = work.session.recipe.student.shape, work.learner(learner).opened
    if learner == "student" and shape is not None and shape.kind == "trim_vocab":
        tokenizers = [o.renderer.tokenizer.get_vocab() for o in (mine, teacher)]
        if (kept := kept_ids(*tokenizers)) is not None:
            return LocalTeacher(teacher.model, kept=kept)
    check_vocabulary(work, teacher, learner)
    return LocalTeacher(teacher.model, shared_vocabulary(work, teacher, learner))


def check_vocabulary(work: Work, teacher: Opened, learner: str = "student") -> None:
    """Token-level terms need the same token -> id map on both sides; sizes of embedding matrices prove nothing."""
    reader = work.learner(learner).opened
    mine, other = reader.renderer.tokenizer.get_vocab(), teacher.renderer.tokenizer.get_vocab()
    if mine != other:
        raise PlanRefused(
            f"{teacher.who.capitalize()} and {learner} have different tokenizers, so their probabilities cannot be compared token by token.",
            field="teacher.model",
            hint="Use sequence-level distillation (train on the teacher's answers), or a teacher of the student's family.",
        )
    if reader.renderer.template != teacher.renderer.template:
        work.session.events.reason(
            "template",
            f"the {learner}'s",
            f"{teacher.who} and {learner} have different chat templates; both read the {learner}'s token ids",
        )


def shared_vocabulary(work: Work, teacher: Opened, learner: str = "student") -> int:
    return min(work.learner(learner).opened.vocab, teacher.vocab)


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
    members = stage.teaching.members
    if len(members) == 1 and members[0].kind != "model":
        return _own_teacher(work, stage, members[0])
    if any("aligned" in t.objective.part.needs for t in terms):
        return _aligned_teacher(work, stage, terms)
    mode, why = _teacher_mode(work, stage, examples, passes)
    if mode == "recorded":
        if why:
            work.session.events.reason("train.teacher", "recorded", why)
        side = recorded_teacher(work, stage, examples)
        vocab = shared_vocabulary(work, work.teacher, stage.learner) if work.teacher and len(members) == 1 else None
        work.drop_teacher(stage.learner)
        return Taught(side, vocab=vocab)
    if why:
        work.session.events.reason("train.teacher", "online", why)
    voices = [_voice(work, stage, m) for m in members]
    return voices[0] if len(voices) == 1 else _together(work, stage, voices)


def _voice(work: Work, stage: Train, member: Member) -> Taught:
    """One member of a stage's teaching, beside who learns."""
    if member.kind != "model":
        return _own_teacher(work, stage, member)
    opened = work.open_teacher(member.name)
    local = local_teacher(work, opened, stage.learner)
    vocab = shared_vocabulary(work, opened, stage.learner)
    return Taught(local, shape_of(opened.model, backbone(opened.model)), vocab)


def _together(work: Work, stage: Train, voices: Sequence[Taught]) -> Taught:
    """Several members as one teacher over the ids that all of them know."""
    teaching = stage.teaching
    members, weights = [v.teacher for v in voices if v.teacher], [m.weight for m in teaching.members]
    moving = next((v for v in voices if v.decay is not None), Taught())
    teacher: Teacher
    if teaching.combine == "route":
        teacher = _route(work, stage, members)
    elif teaching.combine == "drop":
        teacher = DroppedTeachers(members, weights, work.session.recipe.seed)
    else:
        teacher = JointTeachers(members, weights, teaching.combine)
    known = [v.vocab for v in voices if v.vocab is not None]
    return Taught(teacher, voices[0].shape, min(known) if known else None, moving.moving, moving.decay)


def _route(work: Work, stage: Train, members: Sequence[Teacher]) -> RoutedTeachers:
    """Which member answers for which rows."""
    of_row = {r.row_id: str(r.fields.get("domain") or "") for r in work.session.rows}
    listed = stage.teaching.members
    domains = {d: k for k, m in enumerate(listed) for d in m.domains}
    other = next((k for k, m in enumerate(listed) if not m.domains), None)
    return RoutedTeachers(members, of_row, domains, other)


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
    moving = learner.adapter()  # of this stage, from where it starts
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
    own = [m.kind for m in stage.teaching.members if m.kind != "model"]
    if own and stage.teacher == "recorded":
        raise PlanRefused(
            f"Signals cannot be recorded of a teacher that is the learner itself ({', '.join(own)}).",
            field="teacher",
            hint="Use teacher: online.",
        )
    if stage.teacher != "auto":
        return stage.teacher, ""
    if own:
        return "online", "one of the teachers is the learner itself"
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
    """Whether every teacher's signals of the rows it reads are at hand."""
    for member, some in zip(stage.teaching.members, _parts(work, stage, examples), strict=True):
        wanted = signal_settings(work, stage, member.name)
        missing = {e.key for e in some}
        for place in _places(work, wanted):
            missing = set(signals.Store(place, wanted, writable=False).missing(missing))
        if missing:
            return False
    return True
