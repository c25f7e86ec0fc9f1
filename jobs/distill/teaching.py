"""The teacher's side of training: recorded signals or the model itself, whichever is asked for or costs least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from torch import Tensor

from .align.example import Aligner
from .capture import shape_of
from .catalog.tables import get_part
from .errors import PlanRefused
from .objectives.states import ModelShape
from .pairing import check_vocabulary, local_teacher, shared_vocabulary, trimmed
from .recipe import Member, Train
from .recording import recorded_teacher, routed, signals_cover
from .rows import Example
from .session import Opened
from .step import Term
from .teachers.aligned import AlignedTeacher
from .teachers.away import Apart, AwayTeacher
from .teachers.base import Teacher
from .teachers.own import AdapterTeacher, BaseTeacher
from .teachers.privileged import PrivilegedTeacher, privileged_prompts
from .teachers.several import DroppedTeachers, JointTeachers
from .weights import backbone

if TYPE_CHECKING:
    from .work import Learner, Work


def can_be_recorded(terms: Sequence[Term]) -> bool:
    """Whether signals serve these terms: a teacher in its own tokens is asked while the student trains."""
    needs = [t.objective.part.needs for t in terms]
    return any("teacher" in n for n in needs) and not any("aligned" in n for n in needs)


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
    opened, apart = work.open_teacher(member.name), work.session.apart
    vocab = shared_vocabulary(work, opened, stage.learner)
    if apart is not None and apart.who == member.name and not apart.teaches:
        return Taught(_away(work, opened, stage, apart), None, vocab)
    local = local_teacher(work, opened, stage.learner)
    if apart is not None and apart.who == member.name:
        apart.local, apart.shape = local, shape_of(opened.model, backbone(opened.model))
    return Taught(local, shape_of(opened.model, backbone(opened.model)), vocab)


def _away(work: Work, opened: Opened, stage: Train, apart: Apart) -> AwayTeacher:
    """The teacher as those see it who learn from another rank; its weights leave this one."""
    if len(stage.teaching.members) > 1:
        raise PlanRefused(
            "A teacher on a GPU of its own teaches alone; this stage has several.",
            field=f"{apart.who}.placement",
            hint="Set its placement to each or sharded.",
        )
    if not trimmed(work, stage.learner):
        check_vocabulary(work, opened, stage.learner)
    opened.put_down()
    work.session.release()
    apart.away = AwayTeacher(apart, work.session.device)
    return apart.away


def _together(work: Work, stage: Train, voices: Sequence[Taught]) -> Taught:
    """Several members as one teacher over the ids that all of them know."""
    teaching = stage.teaching
    members, weights = [v.teacher for v in voices if v.teacher], [m.weight for m in teaching.members]
    moving = next((v for v in voices if v.decay is not None), Taught())
    teacher: Teacher
    if teaching.combine == "route":
        teacher = routed(work, stage, members)
    elif teaching.combine == "drop":
        teacher = DroppedTeachers(members, weights, work.session.recipe.seed)
    else:
        teacher = JointTeachers(members, weights, teaching.combine)
    known = [v.vocab for v in voices if v.vocab is not None]
    return Taught(teacher, voices[0].shape, min(known) if known else None, moving.moving, moving.decay)


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
    if work.session.apart is not None:
        raise PlanRefused(
            "A teacher that reads the rows in its own tokens cannot have a GPU of its own.",
            field=f"{work.session.apart.who}.placement",
            hint="Set its placement to each or sharded.",
        )
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
    longest = learner.opened.renderer.longest_prompt(learner.opened.context, max(stage.source.max_new_tokens, 1))
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
