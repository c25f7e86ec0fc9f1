"""Rules about objective terms: each is a defect some engine ships."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from pydantic import ValidationError

from ...recipe import Term, Train, Use
from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows
from ..words import listed

# A cold student gives its own words no probability the teacher can correct; measured on the sample pair: 0.23 to 0.28
# of held-out rows right from a cold start, 0.69 to 0.71 after one third of forward KL.
MODE_SEEKING = {"reverse-kl", "reverse-skew-kl"}
JSD_HALF = 0.5


def terms_are_known(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in case.trains:
        for k, term in enumerate(stage.terms):
            if case.parts and term.type not in case.parts:
                near = get_close_matches(term.type, case.parts, 1, 0.5)
                meant = f" Did you mean {near[0]}?" if near else f" There are {listed(sorted(case.parts), 12)}."
                yield refuse(
                    "TERM_UNKNOWN",
                    case.field(i, f"terms.{k}.type"),
                    f"There is no objective {term.type!r}.{meant}",
                    fix(f"Use {near[0]}", case.field(i, f"terms.{k}.type"), near[0]) if near else None,
                )


def options_are_valid(case: Case, rows: Rows) -> Iterator[Finding]:
    """Each term checks its own options: range, unknown names, truncation that would be unsound (compiler rule 1)."""
    for i, stage in case.trains:
        for k, term, part in case.terms(stage):
            try:
                part.Options.model_validate(dict(term.options))
            except ValidationError as e:
                err = e.errors(include_url=False)[0]
                name = ".".join(str(p) for p in err["loc"])
                what = (
                    "is not an option of this term"
                    if err["type"] == "extra_forbidden"
                    else str(err["msg"]).removeprefix("Value error, ")
                )
                yield refuse(
                    "OPTION_INVALID",
                    case.field(i, f"terms.{k}.options{'.' + name if name else ''}"),
                    f"{part.title}{', option ' + name if name else ''}: {what}.",
                )


def something_is_learned(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in case.trains:
        if all(t.weight == 0 for t in stage.terms):
            yield refuse(
                "WEIGHTS_ZERO",
                case.field(i, "terms"),
                f"All terms of the stage {stage.name!r} have weight 0: nothing would be learned. Give at least one a weight.",
            )
    if not case.trains and not any(isinstance(s, Use) for s in case.stages):  # a library alone is a result too
        yield refuse(
            "NO_TRAINING", "stages", "The recipe has no training stage, so there is no adapter at the end. Add one."
        )


def t_squared_is_stated(case: Case, rows: Rows) -> Iterator[Finding]:
    """Published systems differ by a factor of T squared; the page never guesses (compiler rule 14)."""
    for i, k, term in _terms(case):
        if term.temperature != 1 and term.t_squared is None:
            T = term.temperature
            yield refuse(
                "T_SQUARED_UNSTATED",
                case.field(i, f"terms.{k}.t_squared"),
                f"With temperature {T:g} say whether the term is multiplied by T squared = {T * T:g}: yes as in Hinton 2015, no as in most current trainers. It changes the effective weight {T * T:g} times.",
                fix("Multiply by T squared (Hinton)", case.field(i, f"terms.{k}.t_squared"), True)
                if not case.asked.method
                else None,
            )


def temperatures_are_recorded(case: Case, rows: Rows) -> Iterator[Finding]:
    """A log-normaliser is exact only at the temperatures it was recorded for (compiler rule 2)."""
    used = {
        t.temperature
        for i, stage in case.trains
        for _, t, part in case.terms(stage)
        if "teacher" in part.needs and stage.teacher != "online"
    }
    for i, record in case.records:
        if lacking := sorted(used - set(record.temperatures)):
            yield refuse(
                "TEMPERATURE_NOT_RECORDED",
                case.field(i, "temperatures"),
                f"Training uses temperature {listed(f'{t:g}' for t in lacking)}, but the signals are recorded for {listed(f'{t:g}' for t in record.temperatures)} only.",
                fix("Record it too", case.field(i, "temperatures"), sorted(used | set(record.temperatures))),
            )


def dropout_is_off(case: Case, rows: Rows) -> Iterator[Finding]:
    """Dropout adds noise to the student's distribution, which the divergence then measures (compiler rule 10)."""
    rate = case.recipe.student.adapter.dropout
    if rate > 0 and case.divergence:
        yield warn(
            "DROPOUT_WITH_DIVERGENCE",
            "student.adapter.dropout",
            f"Dropout {rate:g} adds noise to the student's probabilities, which the divergence then pushes against. Distillation works best with 0.",
            fix("Set dropout to 0", "student.adapter.dropout", 0.0),
        )


def student_is_warm(case: Case, rows: Rows) -> Iterator[Finding]:
    """Mode-seeking divergences need a student that already says roughly the right thing."""
    warm = False
    for i, stage in case.trains:
        terms = list(case.terms(stage))
        seeking = [(k, t, p) for k, t, p in terms if _mode_seeking(t)]
        if seeking and len(seeking) == len(terms) and not warm:
            yield warn(
                "COLD_START",
                case.field(i, "terms"),
                f"{seeking[0][2].title} alone from an untrained adapter often fails: it rewards what the student already says. Measured on our sample pair: 0.25 of answers right, against 0.75 with forward KL. "
                "Put a third of the steps of forward KL first, or mix it in.",
            )
        warm = warm or len(seeking) < len(terms)


def answers_exist_for_terms(case: Case, rows: Rows) -> Iterator[Finding]:
    """A term restricted to labelled rows has nothing to learn from when there are none."""
    for i, k, term in _terms(case):
        if term.rows == "labelled" and rows.train and not rows.labelled:
            yield refuse(
                "NO_LABELLED_ROWS",
                case.field(i, f"terms.{k}.rows"),
                f"The term {term.type} learns from labelled rows only, and no training row has an answer.",
            )


def _mode_seeking(term: Term) -> bool:
    beta = term.options.get("beta", JSD_HALF)
    return term.type in MODE_SEEKING or term.type == "jsd" and isinstance(beta, (int, float)) and beta >= JSD_HALF


def _terms(case: Case) -> Iterator[tuple[int, int, Term]]:
    stages: list[tuple[int, Train]] = case.trains
    for i, stage in stages:
        for k, term in enumerate(stage.terms):
            if term.weight > 0:
                yield i, k, term


RULES = (
    terms_are_known,
    options_are_valid,
    something_is_learned,
    t_squared_is_stated,
    temperatures_are_recorded,
    dropout_is_off,
    student_is_warm,
    answers_exist_for_terms,
)
