"""Automatic choices that are not a stage's: number formats, longest row, target layers.

The score is chosen by the engine, which sees the gold answers (are they sums?); its reason is in the run's log."""

from __future__ import annotations

from collections.abc import Iterator

from .case import Case
from .result import Choice
from .words import listed


def choices(case: Case) -> Iterator[Choice]:
    yield from _dtypes(case)
    yield from _ranks(case)
    yield from _placements(case)
    if case.recipe.data.max_length is None:
        yield Choice(field="data.max_length", value=case.max_length, why=_length_reason(case))
    if case.recipe.student.adapter.targets == "all-linear" and case.targets:
        names = list(dict.fromkeys(m.name for m in case.targets))
        yield Choice(
            field="student.adapter.targets",
            value=names,
            why=f"All linear layers of the student: {listed(names, 12)}. Published results favour all over attention alone.",
        )


def _dtypes(case: Case) -> Iterator[Choice]:
    device = case.facts.device
    value = "bfloat16" if device.kind == "cuda" and device.bfloat16 else "float32"
    why = (
        "The GPU computes in bfloat16; the adapter keeps a float32 copy."
        if value == "bfloat16"
        else "Exact, and fastest for small models on CPU."
    )
    if device.kind == "cuda" and not device.bfloat16:
        why = "This GPU has no bfloat16; float16 would need loss scaling."
    for name, ref in (("student", case.recipe.student), ("teacher", case.recipe.teacher)):
        if ref is not None and ref.dtype == "auto":
            yield Choice(field=f"{name}.dtype", value=value, why=why)


def _ranks(case: Case) -> Iterator[Choice]:
    """More than one GPU: a process on each, unless WB_RANKS says otherwise where the run is carried out."""
    count = case.facts.device.count
    if count > 1:
        held = (
            "Each GPU holds teacher and student and reads"
            if set(case.places.values()) <= {"each"}
            else "Each GPU reads"
        )
        if "own" in case.places.values():
            held = (
                "One GPU holds the teacher; each of the others reads"
                if count > 2
                else "One GPU holds the teacher, the other reads"
            )
        why = f"{held} a share of every step's rows; WB_RANKS on the worker changes the number."
        yield Choice(field="ranks", value=count, why=why)


def _placements(case: Case) -> Iterator[Choice]:
    """Weights that are not a copy on every GPU, where that was left to us."""
    for who, place in case.places.items():
        reference = case.recipe.model(who)
        if reference is None or reference.placement != "auto" or place == "each":
            continue
        why = (
            f"Teacher and student together do not fit one GPU, so the {who} gets the last of the {case.facts.device.count}."
            if place == "own"
            else f"The {who} does not fit one GPU beside what else is there: each of the {case.facts.device.count} holds a part of every layer."
        )
        yield Choice(
            field=case.recipe.field_of(who).rpartition(".")[0] + ".placement",
            value=place,
            why=f"{why} The result is the same.",
        )


def _length_reason(case: Case) -> str:
    longest = case.lengths.longest
    which = (
        "the smaller context of teacher and student" if case.teacher and case.needs_teacher else "the student's context"
    )
    if case.lengths.measured and longest <= case.max_length:
        return f"That is {which}; the longest row has {longest:,} tokens."
    return f"That is {which}."
