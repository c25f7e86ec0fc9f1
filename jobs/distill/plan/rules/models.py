"""Rules about teacher and student."""

from __future__ import annotations

from collections.abc import Iterator

from .. import licences
from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows
from ..words import listed

PLAIN_METHOD = "sft"


def teacher_is_there(case: Case, rows: Rows) -> Iterator[Finding]:
    if case.needs_teacher and case.teacher is None and not case.endpoint("teacher"):
        what = (
            f"{listed(case.vocabulary_terms)} compares the student with a teacher"
            if case.vocabulary_terms
            else "the teacher writes answers here"
        )
        yield refuse(
            "TEACHER_MISSING",
            "teacher",
            f"No teacher is chosen, but {what}. Choose a teacher, or the method that needs none: plain fine-tuning.",
            fix("Use plain fine-tuning", "method", PLAIN_METHOD),
        )


def teacher_differs(case: Case, rows: Rows) -> Iterator[Finding]:
    """A teacher with the student's own weights: every divergence and its gradient is 0 at the start (compiler rule 5)."""
    s, t = case.student, case.teacher
    if t is None or not s.sha256 or s.sha256 != t.sha256 or not case.needs_teacher:
        return
    only = all(
        "teacher" in part.needs and "labels" not in part.needs
        for _, stage in case.trains
        for _, _, part in case.terms(stage)
    )
    text = "Teacher and student are the same model: a fresh adapter changes nothing, so every divergence and its gradient is 0."
    if only and case.divergence and not case.generates:
        yield refuse(
            "TEACHER_IS_STUDENT", "teacher.model", f"{text} Nothing would be learned. Choose a larger teacher."
        )
    else:
        yield warn(
            "TEACHER_IS_STUDENT", "teacher.model", f"{text} Only the other terms teach. Choose a larger teacher."
        )


def teacher_is_larger(case: Case, rows: Rows) -> Iterator[Finding]:
    s, t = case.student, case.teacher
    if t is not None and case.needs_teacher and s.sha256 != t.sha256 and t.parameters < s.parameters:
        yield warn(
            "TEACHER_SMALLER",
            "teacher.model",
            f"The teacher has {t.parameters:,} parameters, the student {s.parameters:,}. A smaller teacher rarely helps; are they swapped?",
        )


def student_ends(case: Case, rows: Rows) -> Iterator[Finding]:
    if not case.student.tokenizer.eos_ids:
        yield refuse(
            "STUDENT_NEVER_ENDS",
            "student.model",
            "The student's files name no end-of-text token, so an answer would have no end to learn. "
            "Add eos_token to its tokenizer_config.json and add the model again.",
        )


def licence_allows_it(case: Case, rows: Rows) -> Iterator[Finding]:
    """A warning, not a refusal: whether a licence binds is for people to decide, and some have an agreement of their own."""
    t = case.teacher
    if t is None or not case.needs_teacher or licences.answer(t.licence, case.student.model_type) != "no":
        return
    known = licences.find(t.licence)
    if known is not None:
        yield warn("LICENCE_FORBIDS", "teacher.model", f"The teacher's licence ({known.title}) {known.says} {known.do}")


RULES = (teacher_is_there, teacher_differs, teacher_is_larger, student_ends, licence_allows_it)
