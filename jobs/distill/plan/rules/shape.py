"""Rules about the student's shape."""

from __future__ import annotations

from collections.abc import Iterator

from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows
from ..shape import FIELD, Size, wrong

HALF = 0.5


def shape_can_be_made(case: Case, rows: Rows) -> Iterator[Finding]:
    """No layer left, more than there are, heads that do not fit their groups, families whose width cannot be cut."""
    shape = case.recipe.student.shape
    if shape is None:
        return
    models = tuple(t.id for t in case.recipe.teachers) + (("teacher",) if case.recipe.teacher else ())
    facts = case.facts.student
    for w in wrong(shape, Size.of(facts), len(facts.tokenizer.special), models):
        better = fix(f"Set it to {w.better:,}", w.field, w.better) if w.better is not None else None
        yield refuse(w.code, w.field, w.message, better)


def shape_changes_something(case: Case, rows: Rows) -> Iterator[Finding]:
    shape, facts = case.recipe.student.shape, case.facts.student
    if shape is None or shape.kind in ("collapse", "trim_vocab", "merge"):
        return
    if case.student.parameters == facts.parameters and not list(wrong(shape, Size.of(facts))):
        yield warn(
            "SHAPE_CHANGES_NOTHING",
            FIELD,
            f"The shape keeps all of the model ({facts.layers} layers, {facts.hidden_size:,} wide): the student stays as it is.",
            fix("Use the student as it is", FIELD, None),
        )


def shape_is_healed(case: Case, rows: Rows) -> Iterator[Finding]:
    """A model that lost most of itself answers nothing useful before training; an adapter alone may not bring it back."""
    facts = case.facts.student
    if case.recipe.student.shape is None or case.student is facts:
        return
    share = case.student.parameters / max(1, facts.parameters)
    if share < HALF:
        yield warn(
            "SHAPE_SMALL",
            FIELD,
            f"Only {share:.0%} of the parameters stay ({case.student.parameters:,} of {facts.parameters:,}). An adapter may not heal "
            "so deep a cut: published results below a half train all weights on billions of tokens.",
        )


def vocabulary_is_shared_after_trimming(case: Case, rows: Rows) -> Iterator[Finding]:
    """A trimmed student reads a part of its teacher's ids; a stage of several teachers compares whole vocabularies."""
    shape = case.recipe.student.shape
    if shape is None or shape.kind != "trim_vocab":
        return
    for i, stage in case.trains:
        if len(stage.teaching.members) > 1 and case.needs(stage, "same_vocabulary"):
            yield refuse(
                "SHAPE_SEVERAL_TEACHERS",
                case.field(i, "teaching"),
                "A student with a trimmed vocabulary learns from one teacher at a time: several teachers are combined over their "
                "whole vocabulary.",
                fix("Keep the vocabulary", FIELD, None),
            )


RULES = (shape_can_be_made, shape_changes_something, shape_is_healed, vocabulary_is_shared_after_trimming)
