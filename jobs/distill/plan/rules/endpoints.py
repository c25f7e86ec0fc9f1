"""Rules about teachers behind an address: what they cannot give, and what they may cost."""

from __future__ import annotations

from collections.abc import Iterator

from ...recipe import Generate, Record, Select, Verify
from .. import endpoints, licences
from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows
from ..words import listed

TEXT_METHOD = "seqkd"
CODE = "TEACHER_TEXT_ONLY"
# Checks that read a model's probabilities of given answers, beside those that ask it for text.
READERS = {"sure-and-needed": ("teacher",)}


def endpoints_give_text_only(case: Case, rows: Rows) -> Iterator[Finding]:
    """Weights, whole distributions and inner states of a teacher behind an address are nowhere here."""
    for i, stage in case.trains:
        titles = [part.title for _, _, part in case.terms(stage) if "teacher" in part.needs]
        titles += (
            [t.weighting.type for _, t, _ in case.terms(stage) if t.weighting and not titles]
            if case.needs(stage, "teacher")
            else []
        )
        titles += ["The mix of domains"] if stage.mix else []
        titles += ["Correcting the student's answers"] if stage.source.correct else []
        members = [m.name for m in stage.teaching.members if m.kind == "model"] if titles else []
        if case.scores_pairs(stage):
            titles.append("The density ratio")
            members += [m.name for m in (stage.source.strong, stage.source.weak) if m.kind == "model"]
        for who in dict.fromkeys(members):
            if case.endpoint(who):
                yield _refused(case, i, "teaching.members", who, f"{listed(titles)} reads the probabilities of {who}")
        if case.endpoint(stage.learner):
            yield _refused(case, i, "learner", stage.learner, f"'{stage.name}' trains {stage.learner}")
    yield from _other_stages(case)


def _other_stages(case: Case) -> Iterator[Finding]:
    for i, stage in enumerate(case.stages):
        if isinstance(stage, Record) and case.endpoint("teacher"):
            yield _refused(case, i, "kind", "teacher", f"'{stage.name}' records the teacher's probabilities")
        elif isinstance(stage, Select):
            for who in case.readers(stage):
                if case.endpoint(who):
                    yield _refused(case, i, "teacher", who, f"'{stage.name}' has {who} read the rows")
        elif isinstance(stage, Generate) and case.endpoint(stage.teacher) and stage.candidates > 1:
            where = case.field(i, "candidates")
            text = f"'{stage.name}' searches by {stage.candidates} beams, which needs the probabilities of {stage.teacher}; behind an address it gives text only."
            yield refuse(CODE, where, text, None if case.asked.method else fix("One answer a row", where, 1))
        elif isinstance(stage, Verify):
            for n, check in enumerate(stage.checks):
                read = (*READERS.get(check.type, ()), str(check.options.get("reader", "")))
                for who in read:
                    if case.endpoint(who):
                        what = f"The check {check.type!r} has {who} read the answers"
                        yield _refused(case, i, f"checks.{n}.type", who, what)


def _refused(case: Case, stage: int, name: str, who: str, what: str) -> Finding:
    there = case.facts.endpoints[who]
    text = (
        f"{what}, but {there.title} is behind an address and gives text"
        f"{f' and {there.logprobs} log-probabilities a token' if there.logprobs else ' only'}. "
        "Choose a method that learns from the teacher's text, or a teacher whose files are here."
    )
    small = bool(case.asked.method)
    return refuse(
        CODE,
        "method" if small else case.field(stage, name),
        text,
        fix("Learn from the teacher's answers", "method", TEXT_METHOD) if small else None,
    )


def budgets_can_be_kept(case: Case, rows: Rows) -> Iterator[Finding]:
    for who, ref in case.recipe.models().items():
        there, field = case.endpoint(who), case.recipe.field_of(who).removesuffix(".model")
        if ref.budget is None:
            continue
        if there is None:
            if ref.budget.max_price is not None or ref.budget.max_tokens is not None:
                text = f"A budget is for a teacher behind an address; {ref.model} runs here and costs no fee."
                yield refuse("BUDGET_UNUSED", f"{field}.budget", text, fix("Drop the budget", f"{field}.budget", None))
        elif ref.budget.max_price is not None and not (there.price_in or there.price_out):
            yield refuse(
                "BUDGET_WITHOUT_PRICES",
                f"{field}.budget.max_price",
                f"A cap on money needs prices, and none are set for {there.title}. Set them with the endpoint, or cap the tokens.",
                fix("Drop the cap on money", f"{field}.budget.max_price", None),
            )


def what_it_costs_is_known(case: Case, rows: Rows) -> Iterator[Finding]:
    """An estimate above the cap is no refusal: the run pauses there with what it has."""
    for use in endpoints.uses(case, rows):
        field = case.recipe.field_of(use.name).removesuffix(".model")
        tokens = use.read_tokens + use.written_tokens
        over = use.max_price is not None and use.price is not None and use.price > use.max_price
        if over or (use.max_tokens is not None and tokens > use.max_tokens):
            spend = f"{endpoints.money(use.price, use.currency)} for " if use.price is not None else ""
            yield warn(
                "BUDGET_SMALL",
                f"{field}.budget",
                f"About {spend}{tokens:,} tokens are expected of {use.title}, and the cap is {endpoints.caps(use)}. The run pauses "
                "when it is reached; what was answered is kept.",
            )
        elif use.price and use.max_price is None and use.max_tokens is None:
            yield warn(
                "NO_BUDGET",
                f"{field}.budget",
                f"{use.title} costs about {endpoints.money(use.price, use.currency)} here, and no cap stops a run that asks for more. Set a budget.",
            )


def terms_allow_it(case: Case, rows: Rows) -> Iterator[Finding]:
    for who, there in case.facts.endpoints.items():
        answer = (
            there.outputs if there.outputs != "unknown" else licences.answer(there.licence, case.student.model_type)
        )
        if answer == "no":
            text = f"The terms of {there.title} forbid training other models on its outputs. Take another teacher, unless your team has an agreement of its own."
            yield warn("LICENCE_FORBIDS", case.recipe.field_of(who), text)


RULES = (endpoints_give_text_only, budgets_can_be_kept, what_it_costs_is_known, terms_allow_it)
