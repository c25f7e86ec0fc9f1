"""Rules about steps and learning rate. What a device can hold is checked in memory's own rule."""

from __future__ import annotations

from collections.abc import Iterator

from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows, rows_of

MOST_STEPS = 10_000_000
# Measured on the sample pair (1.1 million parameters): 5e-3 looks fine after 250 steps and is bad after 939; 1e-2 diverges.
RATE_SMALL_MODEL, RATE_LARGE_MODEL, LARGE_MODEL = 4e-3, 1e-3, 100_000_000
RATE_LOW = 1e-5


def steps_are_bounded(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in case.trains:
        n = rows_of(case, rows, stage)
        steps = case.steps(stage, n)
        if steps > MOST_STEPS:
            yield refuse(
                "TOO_MANY_STEPS",
                case.field(i, "epochs"),
                f"{stage.epochs:g} epochs over {n:,} rows in batches of {stage.batch_size:,} are {steps:,} steps; at most {MOST_STEPS:,} are taken.",
                fix("Set epochs to 3", case.field(i, "epochs"), 3.0),
            )


def warmup_fits(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in case.trains:
        steps, warmup = case.steps(stage, rows_of(case, rows, stage)), stage.schedule.warmup
        if rows.train and warmup > steps:
            short = max(0, steps // 10)
            yield refuse(
                "WARMUP_TOO_LONG",
                case.field(i, "schedule.warmup"),
                f"The warm-up takes {warmup:,} steps, the whole training {steps:,}: the learning rate would never reach its peak.",
                fix(
                    f"Set warm-up to {short:,}",
                    case.field(i, "schedule"),
                    stage.schedule.model_copy(update={"warmup": short}).model_dump(),
                ),
            )


def rate_is_sane(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in case.trains:
        rate, large = stage.learning_rate, case.student.parameters >= LARGE_MODEL
        most = RATE_LARGE_MODEL if large else RATE_SMALL_MODEL
        if rate > most:
            yield warn(
                "LEARNING_RATE_HIGH",
                case.field(i, "learning_rate"),
                f"Learning rate {rate:g} is high for this student ({case.student.parameters:,} parameters). Rates like this can look fine for 250 steps and fail after 1,000; a short trial does not show it.",
                fix(f"Set to {most / 2:g}", case.field(i, "learning_rate"), most / 2),
            )
        elif rate < RATE_LOW:
            yield warn(
                "LEARNING_RATE_LOW",
                case.field(i, "learning_rate"),
                f"Learning rate {rate:g} is low for an adapter: about ten times the rate of full fine-tuning is usual, 1e-4 to 2e-4 for most models.",
                fix("Set to 0.0002", case.field(i, "learning_rate"), 2e-4),
            )


def passes_are_sane(case: Case, rows: Rows) -> Iterator[Finding]:
    """A run of very few steps barely moves; hundreds of passes over few rows learn them by heart."""
    for i, stage in case.trains:
        n = rows_of(case, rows, stage)
        if not n:
            continue
        steps, passes = case.steps(stage, n), case.passes(stage, n)
        if passes > 100:
            yield warn(
                "MANY_PASSES",
                case.field(i, "steps"),
                f"{steps:,} steps see each of the {n:,} rows about {passes:,.0f} times: the student may learn them by heart.",
            )
        elif steps < 20:
            yield warn(
                "FEW_STEPS",
                case.field(i, "steps"),
                f"Only {steps:,} optimizer steps: the adapter barely moves. A smaller batch or more epochs give more.",
            )


RULES = (steps_are_bounded, warmup_fits, rate_is_sane, passes_are_sane)
