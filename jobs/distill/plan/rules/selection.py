"""Rules about selections of rows, what of a row is learnt, and mixes of domains."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from pydantic import ValidationError

from ...catalog.parts.selections import METHODS
from ...recipe import Select, Train
from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows
from ..words import count, listed

RATIONALES = ("rationale", "label+rationale", "reasoned", "chunks", "shortened")
OWN = ("base", "student")


def _selects(case: Case) -> Iterator[tuple[int, Select]]:
    for i, stage in enumerate(case.stages):
        if isinstance(stage, Select):
            yield i, stage


def selections_are_known(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in _selects(case):
        part = METHODS.get(stage.method)
        if part is None:
            near = get_close_matches(stage.method, METHODS, 1, 0.5)
            yield refuse(
                "SELECTION_UNKNOWN",
                case.field(i, "method"),
                f"There is no selection {stage.method!r}. There are {listed(METHODS, 12)}.",
                fix(f"Use {near[0]}", case.field(i, "method"), near[0]) if near else None,
            )
            continue
        try:
            part.Options.model_validate(dict(stage.options))
        except ValidationError as e:
            err = e.errors(include_url=False)[0]
            name = ".".join(map(str, err["loc"]))
            yield refuse(
                "OPTION_INVALID", case.field(i, f"options.{name}"), f"{part.title}, option {name}: {err['msg']}."
            )


def selections_have_their_models(case: Case, rows: Rows) -> Iterator[Finding]:
    """Who reads the rows must be a model of the recipe, and a teacher that is compared with itself says nothing."""
    for i, stage in _selects(case):
        needs = METHODS[stage.method].needs if stage.method in METHODS else frozenset()
        readers = [("teacher", stage.teacher)] if "teacher" in needs else []
        readers += [("reference", stage.reference)] if "reference" in needs else []
        for role, who in readers:
            if who not in OWN and case.recipe.model(who) is None:
                yield refuse(
                    "SELECTION_MODEL",
                    case.field(i, role),
                    f"The stage {stage.name!r} has rows read by {who!r}, and the recipe has no such model.",
                    fix("Read with the student as it starts", case.field(i, role), "base")
                    if role == "reference"
                    else None,
                )
        if len(readers) == 2 and stage.teacher == stage.reference:
            yield refuse(
                "SELECTION_SAME",
                case.field(i, "reference"),
                f"{stage.teacher!r} is compared with itself, so every row scores 0. Compare it with the student.",
                fix("Compare with the student as it starts", case.field(i, "reference"), "base"),
            )


def selections_come_before_training(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in _selects(case):
        if not any(isinstance(s, Train) for s in case.stages[i + 1 :]):
            yield warn(
                "SELECTION_UNUSED",
                case.field(i, "name"),
                f"No training stage comes after {stage.name!r}, so its choice changes nothing.",
            )


def rationales_are_there(case: Case, rows: Rows) -> Iterator[Finding]:
    extras = case.facts.data.extras
    for i, stage in case.trains:
        wrote = any(n < i for n, _ in case.writes)
        if stage.supervise in RATIONALES and extras is not None and not extras.get("rationale") and not wrote:
            yield refuse(
                "RATIONALE_MISSING",
                case.field(i, "supervise"),
                f"The stage {stage.name!r} learns from rationales, and none of {count(case.facts.data.rows, 'row')} has one. Import the "
                "data with a column of the role rationale.",
                fix("Learn the answers", case.field(i, "supervise"), "answer"),
            )
        if stage.mix is not None and extras is not None and not extras.get("domain"):
            yield refuse(
                "DOMAIN_MISSING",
                case.field(i, "mix"),
                f"The stage {stage.name!r} mixes domains, and no row names its own. Import the data with a column of the role domain.",
                fix("Take rows as they come", case.field(i, "mix"), None),
            )


def forms_go_together(case: Case, rows: Rows) -> Iterator[Finding]:
    """Rationales, chunks, mixes and orders are of rows of the data; other sources write or pair their own."""
    for i, stage in case.trains:
        odd = [
            name
            for name, on in (
                ("supervise", stage.supervise != "answer"), ("mix", stage.mix is not None), ("order", stage.order != "shuffled"),
            ) if on
        ]  # fmt: skip
        if odd and stage.source.kind != "fixed":
            yield refuse(
                "FIXED_ROWS_ONLY",
                case.field(i, odd[0]),
                f"{odd[0]} is about rows of the data, but the rows of {stage.name!r} come from {stage.source.kind}.",
                fix("Take rows of the data", case.field(i, "source.kind"), "fixed"),
            )
        turns = stage.supervise in ("label+rationale", "chunks")
        if (turns and (stage.mix or stage.order != "shuffled")) or (stage.mix and stage.order != "shuffled"):
            yield refuse(
                "ORDER_TWICE",
                case.field(i, "order"),
                f"The stage {stage.name!r} draws its rows in two ways at once: only one of a mix, an order, or two tasks or chunks a row.",
                fix("Shuffle the rows", case.field(i, "order"), "shuffled"),
            )
        if stage.mix is not None and stage.teaching.members[0].kind != "model":
            yield refuse(
                "MIX_TEACHER",
                case.field(i, "teaching"),
                f"The mix of {stage.name!r} compares the learner with a teacher, and its teacher is not a model of the recipe.",
            )


def raw_text_has_a_teacher_of_its_tokens(case: Case, rows: Rows) -> Iterator[Finding]:
    """Text without a template begins as the learner's tokenizer begins a text; a teacher of other tokens cannot follow."""
    for i, stage in case.trains:
        if stage.supervise == "all" and case.needs(stage, "aligned"):
            yield refuse(
                "RAW_TEXT_ALIGNED",
                case.field(i, "supervise"),
                "Whole texts can be learnt from a teacher with the same tokenizer only, or without one.",
                fix("Learn the answers", case.field(i, "supervise"), "answer"),
            )


RULES = (
    selections_are_known,
    selections_have_their_models,
    selections_come_before_training,
    rationales_are_there,
    forms_go_together,
    raw_text_has_a_teacher_of_its_tokens,
)
