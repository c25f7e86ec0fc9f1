"""Teacher and learner over the ids that both know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import PlanRefused
from .session import Opened
from .shapes.vocabulary import kept_ids
from .teachers.local import LocalTeacher

if TYPE_CHECKING:
    from .work import Work


def local_teacher(work: Work, teacher: Opened, learner: str = "student") -> LocalTeacher:
    """The teacher beside who learns. A student whose vocabulary was trimmed reads a part of the teacher's."""
    mine = work.learner(learner).opened
    if trimmed(work, learner):
        tokenizers = [o.renderer.tokenizer.get_vocab() for o in (mine, teacher)]
        if (kept := kept_ids(*tokenizers)) is not None:
            return LocalTeacher(teacher.model, kept=kept)
    check_vocabulary(work, teacher, learner)
    return LocalTeacher(teacher.model, shared_vocabulary(work, teacher, learner))


def trimmed(work: Work, learner: str) -> bool:
    """Whether who learns knows only a part of the vocabulary."""
    shape = work.session.recipe.student.shape
    return learner == "student" and shape is not None and shape.kind == "trim_vocab"


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
