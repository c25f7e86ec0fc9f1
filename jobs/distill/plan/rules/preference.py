"""Rules about preference pairs, ranked lists and sets of examples."""

from __future__ import annotations

from collections.abc import Iterator

from ...recipe import Prefer, Train
from ..case import Case
from ..findings import Finding, fix, refuse
from ..rows import Rows
from ..words import count

PAIRS = ("columns", "teacher_over_student", "density_ratio", "best_over_rest")  # exactly two answers a row
SERVES = {  # what a term asks of its rows -> the kinds of pairs that have it
    "pairs": PAIRS,
    "ranked": (*PAIRS, "ranked"),
    "demonstrations": ("demonstrations",),
}
COLUMN = {"columns": "rejected", "ranked": "ranked", "best_over_rest": "ranked"}
WHAT = {"rejected": "a rejected answer", "ranked": "a ranked list of answers"}
SIDES = ("chosen", "rejected")


def terms_get_their_pairs(case: Case, rows: Rows) -> Iterator[Finding]:
    """A term over pairs reads a chosen and a rejected answer of one group, and nothing else makes such groups."""
    for i, stage in case.trains:
        for k, term, part in case.terms(stage):
            for need, kinds in SERVES.items():
                if need in part.needs and _kind(stage) not in kinds:
                    yield _wrong_rows(case, i, stage, part.title, need)
            if term.rows in SIDES and _kind(stage) not in SERVES["ranked"]:
                yield refuse(
                    "SIDE_WITHOUT_PAIRS",
                    case.field(i, f"terms.{k}.rows"),
                    f"{part.title} is asked for the {term.rows} rows only, but the rows of this stage come in no pairs.",
                    fix("Use all rows", case.field(i, f"terms.{k}.rows"), "all"),
                )


def _wrong_rows(case: Case, i: int, stage: Train, title: str, need: str) -> Finding:
    asks = {
        "pairs": "a chosen and a rejected answer to each prompt",
        "ranked": "ranked answers to each prompt",
        "demonstrations": "one answer under several sets of examples",
    }[need]
    if stage.source.kind != "pairs":
        mend = fix("Let the rows come in pairs", case.field(i, "source.kind"), "pairs")
    else:
        mend = fix(f"Use {SERVES[need][0]}", case.field(i, "source.pairs"), SERVES[need][0])
    return refuse(
        "PAIRS_MISSING",
        case.field(i, "source.kind" if stage.source.kind != "pairs" else "source.pairs"),
        f"{title} learns from {asks}, and the rows of the stage {stage.name!r} are not of that kind.",
        mend,
    )


def columns_are_there(case: Case, rows: Rows) -> Iterator[Finding]:
    """Pairs of the data need the data to have them, or an earlier stage to make them; else teacher and student can write both sides."""
    known = case.facts.data.extras
    for i, stage in case.trains:
        column = COLUMN.get(_kind(stage))
        if known is not None and column and not known.get(column) and not _made_before(case, i):
            yield refuse(
                "PAIRS_NOT_IN_DATA",
                case.field(i, "source.pairs"),
                f"The stage {stage.name!r} takes its pairs from the data, but none of the {count(case.facts.data.rows, 'row')} has {WHAT[column]}. "
                "Choose such a dataset, or set the teacher's answers over the student's own.",
                fix("Teacher over student", case.field(i, "source.pairs"), "teacher_over_student"),
            )


def _made_before(case: Case, index: int) -> bool:
    """Whether a stage before this one puts answers into pairs or rankings."""
    from ...catalog.parts import WRITERS

    writers = (WRITERS.get(s.writer) for i, s in case.writes if i < index)
    return any(isinstance(s, Prefer) for s in case.stages[:index]) or any(getattr(w, "pairs", False) for w in writers)


def groups_have_members(case: Case, rows: Rows) -> Iterator[Finding]:
    """One answer cannot be ranked."""
    for i, stage in case.trains:
        if _kind(stage) in ("density_ratio", "demonstrations") and stage.source.samples < 2:
            what = "answer" if _kind(stage) == "density_ratio" else "set of examples"
            yield refuse(
                "GROUP_OF_ONE",
                case.field(i, "source.samples"),
                f"The stage {stage.name!r} compares what belongs to one prompt, but asks for {count(stage.source.samples, what)} only.",
                fix("Use 4", case.field(i, "source.samples"), 4),
            )


def densities_differ(case: Case, rows: Rows) -> Iterator[Finding]:
    """Two equal models give every answer the reward 0; an average does not exist before the stage."""
    for i, stage in case.trains:
        if _kind(stage) != "density_ratio":
            continue
        strong, weak = stage.source.strong, stage.source.weak
        if "ema" in (strong.kind, weak.kind):
            yield refuse(
                "DENSITY_OF_AVERAGE",
                case.field(i, "source.strong" if strong.kind == "ema" else "source.weak"),
                "A moving average cannot score answers before the stage has begun. Use a teacher, the base, or an earlier stage's adapter.",
            )
        if strong.kind == weak.kind and (strong.kind == "base" or strong.name == weak.name):
            yield refuse(
                "DENSITY_OF_ONE",
                case.field(i, "source.weak"),
                "Strong and weak model are the same, so every answer would have the reward 0 and there would be no pair.",
                fix(
                    "Take the untrained student as the weak model",
                    case.field(i, "source.weak"),
                    {"kind": "base", "name": "base"},
                )
                if strong.kind != "base"
                else None,
            )


def pairs_are_not_recorded(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in case.trains:
        if _kind(stage) and stage.teacher == "recorded" and case.needs(stage, "teacher"):
            yield refuse(
                "RECORDED_PAIRS",
                case.field(i, "teacher"),
                "Pairs are put together when the stage begins, so no signals are recorded for them.",
                fix("Run the teacher beside the student", case.field(i, "teacher"), "online"),
            )


def _kind(stage: Train) -> str:
    """How the stage's pairs are made; empty where its rows are no pairs."""
    return stage.source.pairs if stage.source.kind == "pairs" else ""


RULES = (
    terms_get_their_pairs,
    columns_are_there,
    groups_have_members,
    densities_differ,
    pairs_are_not_recorded,
)
