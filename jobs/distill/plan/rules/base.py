"""Rules about the frozen base: its weights in 4 bits, and its positions where rows shall be longer."""

from __future__ import annotations

from collections.abc import Iterator

from ...models.positions import FIELD as CONTEXT
from ...models.positions import wrong
from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows
from ..words import listed

QUANTISE, ADAPTER = "student.quantise", "student.adapter"


def in_four_bits(case: Case) -> list[tuple[str, str]]:
    """(name, field) of the recipe's models whose weights are held in 4 bits."""
    models = case.recipe.models()
    return [
        (who, f"{case.recipe.field_of(who).rpartition('.')[0]}.quantise")
        for who, ref in models.items()
        if ref.quantise == "nf4"
    ]


def four_bits_can_be_had(case: Case, rows: Rows) -> Iterator[Finding]:
    """The package is there, and the models have files."""
    for who, field in in_four_bits(case):
        away = fix("Keep the weights as they are", field, "none")
        if case.endpoint(who):
            yield refuse(
                "QUANTISE_ENDPOINT", field, f"{who} is asked behind an address: its weights are not ours.", away
            )
        elif case.facts.device.four_bit is False:
            yield refuse(
                "QUANTISE_MISSING",
                field,
                "Weights in 4 bits need the package bitsandbytes, and the worker does not have it. Install it there: "
                "pip install -r requirements/four-bit.txt.",
                away,
            )
        elif case.facts.device.kind == "cpu":
            yield warn(
                "QUANTISE_SLOW",
                field,
                f"On a CPU the {who}'s 4-bit weights are written out for every product: a step of the sample models takes 1.3 times as "
                "long as in float32, a written token twice. It pays where the memory would not do otherwise.",
                away,
            )


def four_bits_fit_the_adapter(case: Case, rows: Rows) -> Iterator[Finding]:
    """What acts on the base's weights themselves needs them in full."""
    learners = {s.learner for _, s in case.trains} | {"student"}
    adapter = case.recipe.student.adapter
    found = [(who, field) for who, field in in_four_bits(case) if who in learners]
    odd = {
        f"an adapter of type {adapter.type}": adapter.type != "lora",
        "VeLoRA": adapter.velora is not None,
        "training with parts pruned away (LoRAM)": adapter.pruned > 0,
    }
    if found and (what := [name for name, on in odd.items() if on]):
        yield refuse(
            "QUANTISE_ADAPTER",
            ADAPTER,
            f"{listed(what).capitalize()} changes or cuts the base's weights, which are held in 4 bits here; LoRA beside them is what "
            "can be trained.",
            fix("Use LoRA", ADAPTER, {"type": "lora", "rank": adapter.rank, "alpha": adapter.alpha}),
        )
    whole = sorted(learners - {who for who, _ in found})
    if adapter.start == "loftq" and whole:
        yield refuse(
            "LOFTQ_WHOLE",
            f"{ADAPTER}.start",
            f"LoftQ starts from what 4 bits took from the weights; the weights of {listed(whole)} are held in full.",
            fix("Hold the student in 4 bits", QUANTISE, "nf4")
            if whole == ["student"]
            else fix("Use the default first values", f"{ADAPTER}.start", "default"),
        )


def positions_can_be_stretched(case: Case, rows: Rows) -> Iterator[Finding]:
    context, facts = case.recipe.student.context, case.facts.student
    if context is None:
        return
    if not context.changes:
        if case.asked.student.context is not None:  # a method may leave it to its options
            yield warn(
                "CONTEXT_SAME",
                CONTEXT,
                "The student's window stays as long as it is: say how many times as long it shall be.",
                fix("Leave the positions as they are", CONTEXT, None),
            )
        return
    if problem := wrong(context, facts.model_type, facts.positions):
        other = (
            ("none", "Change the base alone")
            if problem[0] == "CONTEXT_SCALED"
            else (None, "Leave the positions as they are")
        )
        yield refuse(problem[0], problem[1], problem[2], fix(other[1], problem[1], other[0]))
        return
    before, lengths = facts.context, case.lengths
    if context.times > 1 and lengths.measured and lengths.longest <= before:
        yield warn(
            "CONTEXT_SHORT_ROWS",
            "data",
            f"The longest row has {lengths.longest:,} tokens and the student reads {before:,} as it is: nothing here teaches it what "
            "stands further on.",
            fix("Leave the positions as they are", CONTEXT, None),
        )


def labels_have_a_base_as_it_is(case: Case, rows: Rows) -> Iterator[Finding]:
    """A student that names labels is loaded under a head of its own."""
    student = case.recipe.student
    for on, field, better in (
        (student.quantise != "none", QUANTISE, "none"),
        (student.context is not None and student.context.changes, CONTEXT, None),
    ):
        if on:
            yield refuse(
                "BASE_AS_IT_IS",
                field,
                "A student that names labels is loaded as its files are: 4 bits and stretched positions are for students that write.",
                fix("Leave it out", field, better),
            )


RULES = (four_bits_can_be_had, four_bits_fit_the_adapter, positions_can_be_stretched)
