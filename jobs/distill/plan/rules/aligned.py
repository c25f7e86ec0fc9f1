"""Rules about different tokenizers: what remains possible, and what the terms made for them need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..case import Case
from ..findings import Finding, fix, refuse
from ..rows import Rows
from ..words import listed

SPAN_METHOD = "alm"


def vocabularies_match(case: Case, rows: Rows) -> Iterator[Finding]:
    """Different token -> id maps and a term that compares probabilities token by token (compiler rule 3)."""
    if case.teacher is None or case.same_vocabulary or not case.vocabulary_terms:
        return
    yield refuse(
        "VOCABULARY_DIFFERENT",
        "teacher.model",
        f"Teacher and student have different tokenizers, and {listed(case.vocabulary_terms)} compares probabilities token by token. "
        f"These methods remain: {listed(case.by_text)}. Or choose a teacher with the student's tokenizer.",
        fix("Compare pieces of text instead of tokens", "method", SPAN_METHOD),
    )


def states_stand_at_the_same_tokens(case: Case, rows: Rows) -> Iterator[Finding]:
    """Inner states of both models are compared position by position: with two tokenizers the positions differ."""
    if case.teacher is None or case.same_vocabulary:
        return
    for i, stage in case.trains:
        if any(m.kind != "model" for m in stage.teaching.members):
            continue
        for k, _, part in case.terms(stage):
            if "teacher" in part.needs and not {"aligned", "same_vocabulary"} & part.needs:
                yield refuse(
                    "POSITIONS_DIFFERENT",
                    case.field(i, f"terms.{k}.type"),
                    f"{part.title} compares the models position by position, and with different tokenizers the positions stand for different text. "
                    "Dual-space distillation compares states of both.",
                    fix("Use dual-space distillation", "method", "dskd"),
                )


def one_reading_a_stage(case: Case, rows: Rows) -> Iterator[Finding]:
    """A teacher that reads its own tokens cannot at the same time read the student's, for a term or a token weight."""
    from ...catalog.parts import WEIGHTINGS

    for i, stage in case.trains:
        terms = [(t, p) for _, t, p in case.terms(stage)]
        aligned = [p.title for _, p in terms if "aligned" in p.needs]
        others = [p.title for _, p in terms if "teacher" in p.needs and "aligned" not in p.needs]
        others += [
            w.title for t, _ in terms if t.weighting and (w := WEIGHTINGS.get(t.weighting.type)) and _reads_teacher(w)
        ]
        if not aligned or not others:
            continue
        kept = [
            t.model_copy(update={"weighting": None}).model_dump(mode="json")
            for t, p in terms
            if "aligned" in p.needs or "teacher" not in p.needs
        ]
        where = case.field(i, "terms")
        yield refuse(
            "READINGS_MIXED",
            where,
            f"{listed(aligned)} has the teacher read rows in its own tokens, {listed(others)} in the student's. Put them in stages of their own.",
            None if case.asked.method else fix(f"Keep {listed(aligned)}", where, kept),
        )


def _reads_teacher(part: Any) -> bool:
    return "teacher" in part.needs


def teacher_reads_its_own_tokens(case: Case, rows: Rows) -> Iterator[Finding]:
    """Terms for different tokenizers know one teacher with a tokenizer of its own."""
    for i, stage in case.trains:
        aligned = [p.title for _, _, p in case.terms(stage) if "aligned" in p.needs]
        teaching = stage.teaching
        if not aligned:
            continue
        if len(teaching.members) > 1 or teaching.members[0].kind != "model":
            yield refuse(
                "ALIGNED_TEACHER",
                case.field(i, "teaching.members"),
                f"{aligned[0]} needs one teacher of the recipe; here {'several teach' if len(teaching.members) > 1 else 'the learner teaches itself'}.",
                fix("Let the teacher teach alone", case.field(i, "teaching.members"), [{"kind": "model"}]),
            )
        elif teaching.privileged:
            yield refuse(
                "ALIGNED_PRIVILEGED",
                case.field(i, "teaching.privileged"),
                f"{aligned[0]} has both models read the same conversation; the teacher cannot see more.",
                fix("Show the teacher what the student sees", case.field(i, "teaching.privileged"), False),
            )


RULES = (vocabularies_match, states_stand_at_the_same_tokens, one_reading_a_stage, teacher_reads_its_own_tokens)
