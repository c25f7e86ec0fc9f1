"""Rules about stages that make, check and prefer rows: their parts exist, their options and prompts can be read, whom they
ask is there, and what they need comes before."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import RecipeInvalid
from ...preferring.choose import rule_of
from ...recipe import Loop, Prefer, Train, Use, Verify, Write
from ...verifiers.choose import checks_of
from ...writers.choose import writer_of
from ..case import Case
from ..findings import Finding, refuse, warn
from ..rows import Rows
from ..words import listed

OWN = ("student", "base")


def parts_can_be_read(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in enumerate(case.stages):
        place = case.field(i, "x").removesuffix(".x")
        try:
            if isinstance(stage, Write):
                writer_of(stage, place)
            elif isinstance(stage, Verify):
                checks_of(stage, place)
            elif isinstance(stage, Prefer):
                rule_of(stage, place)
        except RecipeInvalid as e:
            field = "options" if case.asked.method else e.field
            yield refuse("STAGE_OPTION", field, f"{e.message}{' ' + e.hint if e.hint else ''}")


def those_asked_are_there(case: Case, rows: Rows) -> Iterator[Finding]:
    ended = set[str]()  # training stages: a later one may ask the student as it was then
    for i, stage in enumerate(case.stages):
        if isinstance(stage, Train):
            ended.add(stage.name)
        for who in case.askers(stage):
            if who not in (*OWN, *ended) and case.recipe.model(who) is None:
                if who == "teacher":
                    continue  # said by the rule about teachers
                known = ", ".join(case.recipe.models())
                yield refuse(
                    "WRITER_MISSING",
                    case.field(i, "by"),
                    f"'{stage.name}' asks {who!r}, and the recipe has no model of that name; there are: {known}.",
                )


def rows_are_written_before(case: Case, rows: Rows) -> Iterator[Finding]:
    """What checks and preferences speak of must have been written."""
    wrote = False
    for i, stage in enumerate(case.stages):
        if isinstance(stage, Write):
            if stage.rows == "written" and not wrote:
                yield refuse(
                    "NOTHING_WRITTEN",
                    case.field(i, "rows"),
                    f"'{stage.name}' starts from written rows, and no stage before it writes any.",
                )
            wrote = True
        elif isinstance(stage, Prefer) and not wrote:
            yield refuse(
                "NOTHING_WRITTEN",
                case.field(i, "rule"),
                f"'{stage.name}' prefers among written answers, and no stage before it writes any.",
            )
        elif isinstance(stage, Verify) and stage.rows == "written" and not wrote:
            yield refuse(
                "NOTHING_WRITTEN",
                case.field(i, "rows"),
                f"'{stage.name}' checks written rows, and no stage before it writes any.",
            )


def several_need_variety(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in case.writes:
        if stage.candidates > 1 and stage.temperature == 0:
            yield warn(
                "CANDIDATES_ALIKE",
                case.field(i, "temperature"),
                f"'{stage.name}' asks for {stage.candidates} candidates at temperature 0: they will all be the same.",
            )


def rows_written_are_learnt(case: Case, rows: Rows) -> Iterator[Finding]:
    """Rows made after the last training stage teach nobody; training on labelled rows alone never sees written ones."""
    if not case.writes:
        return
    last = max((i for i, _ in case.trains), default=-1)
    read = max((i for i, s in enumerate(case.stages) if isinstance(s, Use)), default=-1)  # looks entries up
    for i, stage in case.writes:
        if i > max(last, read) and not any(isinstance(s, Loop) for s in case.stages[:i]):
            yield warn(
                "WRITTEN_UNUSED",
                case.field(i, "name"),
                f"No training stage comes after '{stage.name}', so what it writes is kept as data and learnt by nobody.",
            )
    first = case.writes[0][0]
    alone = [s.name for i, s in case.trains if i > first and s.rows == "labelled" and isinstance(s, Train)]
    if alone:
        yield warn(
            "WRITTEN_UNUSED",
            case.field(next(i for i, s in case.trains if s.name == alone[0]), "rows"),
            f"{listed(repr(n) for n in alone)} learns from labelled rows only; rows that a model wrote are not among them.",
        )


RULES = (
    parts_can_be_read,
    those_asked_are_there,
    rows_are_written_before,
    several_need_variety,
    rows_written_are_learnt,
)
