"""Rules about single tokens: weights that are known and can be computed, terms that need the teacher's whole distribution."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from ...recipe import Term, Train
from ..case import Case
from ..findings import Finding, fix, refuse
from ..rows import Rows
from ..words import listed


def weights_are_known(case: Case, rows: Rows) -> Iterator[Finding]:
    from ...catalog.parts import WEIGHTINGS

    for place, stage, term, part in _weighted(case):
        if term.weighting is None:
            continue
        name = term.weighting.type
        if name not in WEIGHTINGS:
            near = get_close_matches(name, WEIGHTINGS, 1, 0.5)
            meant = f"Did you mean {near[0]}?" if near else f"There are {listed(sorted(WEIGHTINGS), 12)}."
            yield refuse(
                "WEIGHTING_UNKNOWN",
                f"{place}.type",
                f"There is no token weight {name!r}. {meant}",
                fix(f"Use {near[0]}", f"{place}.type", near[0]) if near else None,
            )
            continue
        yield from _can_be_computed(case, place, stage, term, part, WEIGHTINGS[name])


def _can_be_computed(case: Case, place: str, stage: Train, term: Term, part: Any, chosen: Any) -> Iterator[Finding]:
    if part.scope != "token":
        yield refuse(
            "WEIGHTING_SCOPE",
            place,
            f"{part.title} is no sum over tokens, so the token weight {chosen.title!r} has nothing to act on. Leave it out.",
        )
    known = case.teacher or case.endpoint("teacher")
    if "teacher" in chosen.needs and known is None and stage.teaching.members[0].kind == "model":
        yield refuse(
            "WEIGHTING_TEACHER",
            place,
            f"The token weight {chosen.title!r} reads the teacher, but the recipe names none. Choose a teacher, or a weight of the student alone.",
        )
    try:
        chosen.Options.model_validate(dict(term.weighting.options if term.weighting else {}))
    except ValidationError as e:
        err = e.errors(include_url=False)[0]
        name = ".".join(str(p) for p in err["loc"])
        yield refuse("OPTION_INVALID", f"{place}.options.{name}", f"{chosen.title}, option {name}: {err['msg']}.")


def recorded_signals_suffice(case: Case, rows: Rows) -> Iterator[Finding]:
    """Some terms read what no top-k signals hold, and draws with weights are not what a record stage keeps (compiler rule 1)."""
    for i, stage in case.trains:
        for k, term, part in case.terms(stage):
            where = case.field(i, f"terms.{k}.options.tail")
            if term.options.get("tail") == "sampled":
                yield refuse(
                    "TAIL_NOT_RECORDED",
                    where,
                    f"{part.title} asks for tail: sampled, but signals are recorded as the teacher's top k, not as random draws. Use bucket.",
                    fix("Use the bucket", where, "bucket"),
                )
            elif stage.teacher == "recorded" and whole_distribution(term, part):
                yield refuse(
                    "SIGNALS_INSUFFICIENT",
                    case.field(i, "teacher"),
                    f"{part.title} reads the teacher's whole distribution, and recorded signals hold only its top tokens. Let the teacher run beside the student.",
                    fix("Run the teacher beside the student", case.field(i, "teacher"), "online"),
                )


def whole_distribution(term: Term, part: Any) -> bool:
    """Whether only a teacher that runs can serve this term."""
    return "live_teacher" in part.needs or term.options.get("tail") == "student_support"


def _weighted(case: Case) -> Iterator[tuple[str, Train, Term, Any]]:
    for i, stage in case.trains:
        for k, term, part in case.terms(stage):
            if term.weighting is not None:
                yield case.field(i, f"terms.{k}.weighting"), stage, term, part


RULES = (weights_are_known, recorded_signals_suffice)
