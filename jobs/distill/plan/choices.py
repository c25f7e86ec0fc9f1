"""Automatic choices that are not a stage's: number formats, longest row, target layers, score."""

from __future__ import annotations

from collections.abc import Iterator

from .case import Case
from .result import Choice
from .words import listed

SHORT_ANSWER = 64  # characters


def choices(case: Case) -> Iterator[Choice]:
    yield from _dtypes(case)
    if case.recipe.data.max_length is None:
        yield Choice(field="data.max_length", value=case.max_length, why=_length_reason(case))
    if case.recipe.student.adapter.targets == "all-linear" and case.targets:
        names = list(dict.fromkeys(m.name for m in case.targets))
        yield Choice(field="student.adapter.targets", value=names, why=f"All linear layers of the student: {listed(names, 12)}. Published results favour all over attention alone.")
    if case.recipe.evaluation.metric == "auto":
        yield from _metric(case)


def _dtypes(case: Case) -> Iterator[Choice]:
    device = case.facts.device
    value = "bfloat16" if device.kind == "cuda" and device.bfloat16 else "float32"
    why = "The GPU computes in bfloat16; the adapter keeps a float32 copy." if value == "bfloat16" else "Exact, and fastest for small models on CPU."
    if device.kind == "cuda" and not device.bfloat16:
        why = "This GPU has no bfloat16; float16 would need loss scaling."
    for name, ref in (("student", case.recipe.student), ("teacher", case.recipe.teacher)):
        if ref is not None and ref.dtype == "auto":
            yield Choice(field=f"{name}.dtype", value=value, why=why)


def _length_reason(case: Case) -> str:
    longest = case.lengths.longest
    which = "the smaller context of teacher and student" if case.teacher and case.needs_teacher else "the student's context"
    if case.lengths.measured and longest <= case.max_length:
        return f"That is {which}; the longest row has {longest:,} tokens."
    return f"That is {which}."


def _metric(case: Case) -> Iterator[Choice]:
    """Only where lengths decide; whether answers are sums is seen in the rows themselves."""
    longest = case.facts.data.longest_answer_chars
    if 0 < longest <= SHORT_ANSWER:
        yield Choice(field="evaluation.metric", value="exact_match", why=f"Answers are short (at most {longest} characters): right or wrong.")
