"""Rules about rows and lengths."""

from __future__ import annotations

from collections.abc import Iterator

from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows
from ..words import count

FEW_HELDOUT = 50


def length_fits_context(case: Case, rows: Rows) -> Iterator[Finding]:
    asked = case.recipe.data.max_length
    if asked and asked > case.context:
        whose = "student" if case.student.context == case.context else "teacher"
        yield refuse(
            "LENGTH_OVER_CONTEXT",
            "data.max_length",
            f"Rows may be {asked:,} tokens long, but the {whose} reads at most {case.context:,}.",
            fix(f"Set to {case.context:,}", "data.max_length", case.context),
        )


def rows_remain(case: Case, rows: Rows) -> Iterator[Finding]:
    """Zero usable rows, with the reason that took them."""
    if rows.train:
        return
    data, n = case.facts.data, case.max_length
    if rows.too_long:
        yield refuse(
            "NO_USABLE_ROWS",
            "data.max_length",
            f"No row is left: all {count(rows.too_long, 'training row')} are longer than {n:,} tokens (the shortest has {_shortest(case):,}).",
            fix("Cut prompts on the left instead", "data.too_long", "truncate")
            if case.recipe.data.too_long == "drop"
            else None,
        )
    elif rows.unused:
        yield refuse(
            "NO_LABELLED_ROWS",
            "data.dataset",
            f"None of the {count(rows.unused, 'training row')} has an answer, and this method learns from answers. Choose a dataset with answers, or a method whose teacher writes them.",
            fix("Let the teacher write the answers", "method", "seqkd") if case.teacher else None,
        )
    else:
        why = (
            f"all {data.heldout:,} labelled rows are held out for the score"
            if data.heldout and data.heldout >= data.rows
            else "the dataset is empty"
        )
        yield refuse("NO_USABLE_ROWS", "data.dataset", f"There is no row to train on: {why}. Choose a larger dataset.")


def labels_remain(case: Case, rows: Rows) -> Iterator[Finding]:
    """Stages that ask for labelled rows, and the control arm, need some."""
    if not rows.train or rows.labelled:
        return
    for i, stage in case.trains:
        if stage.rows == "labelled":
            yield refuse(
                "NO_LABELLED_ROWS",
                case.field(i, "rows"),
                f"The stage {stage.name!r} learns from labelled rows, and none of the {count(rows.train, 'training row')} has an answer.",
            )
    if case.recipe.control:
        yield refuse(
            "NO_CONTROL_ROWS",
            "control",
            "The control arm is plain fine-tuning on labelled rows, and there are none in the training split. Add some answers, or run without the control arm.",
            fix("Run without control arm", "control", False),
        )


def unlabelled_remain(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in case.trains:
        if stage.rows == "unlabelled" and rows.train and not rows.unlabelled:
            yield refuse(
                "NO_UNLABELLED_ROWS",
                case.field(i, "rows"),
                f"The stage {stage.name!r} learns from rows without an answer that the teacher has answered, and there are none.",
                fix("Use all rows", case.field(i, "rows"), "all") if not case.asked.method else None,
            )


def unlabelled_are_used(case: Case, rows: Rows) -> Iterator[Finding]:
    if rows.unused and rows.train:
        yield warn(
            "ROWS_UNUSED",
            "data.dataset",
            f"{count(rows.unused, 'row')} without an answer {'is' if rows.unused == 1 else 'are'} not used: this method learns from answers and nobody writes them. "
            "A method whose teacher writes answers (sequence-level KD) uses them.",
        )


def rows_fit(case: Case, rows: Rows) -> Iterator[Finding]:
    n = case.max_length
    if rows.train and rows.too_long:
        yield warn(
            "ROWS_TOO_LONG",
            "data.max_length",
            f"{count(rows.too_long, 'row')} longer than {n:,} tokens {'is' if rows.too_long == 1 else 'are'} left out; {rows.train:,} remain.",
            fix("Cut prompts on the left instead", "data.too_long", "truncate")
            if case.recipe.data.too_long == "drop"
            else None,
        )
    if rows.cut:
        yield warn(
            "ROWS_CUT",
            "data.too_long",
            f"{count(rows.cut, 'row')} longer than {n:,} tokens: the prompt loses its beginning, the answer is kept whole.",
            fix("Leave them out instead", "data.too_long", "drop"),
        )


def heldout_remain(case: Case, rows: Rows) -> Iterator[Finding]:
    """Every run ends with a score on rows nobody trained on."""
    if rows.heldout == 0:
        yield refuse(
            "NO_HELDOUT_ROWS",
            "data.heldout",
            "No labelled row is held out, so the result could not be scored. Mark some rows as held out, or raise the held-out share.",
        )
    elif rows.heldout < FEW_HELDOUT:
        yield warn(
            "FEW_HELDOUT_ROWS",
            "data.heldout",
            f"Only {count(rows.heldout, 'row')} {'is' if rows.heldout == 1 else 'are'} held out: the interval of the score will be wide. {FEW_HELDOUT} or more tell methods apart.",
        )


def answers_fit_generation(case: Case, rows: Rows) -> Iterator[Finding]:
    """An answer cut short by its own length limit is scored as wrong, or learned without its end."""
    longest = case.lengths.longest_answer
    if not case.lengths.measured or not longest:
        return
    limit = case.recipe.evaluation.max_new_tokens
    if longest > limit:
        long = sum(1 for a in case.lengths.answers if a > limit)
        yield warn(
            "ANSWERS_CUT_IN_SCORE",
            "evaluation.max_new_tokens",
            f"Answers are written up to {limit:,} tokens for the score, but {long / len(case.lengths.answers):.0%} of the rows have longer ones (the longest {longest:,}).",
            fix(f"Set to {longest:,}", "evaluation.max_new_tokens", min(longest, 32768)),
        )
    for i, stage in case.generates:
        if stage.max_new_tokens < longest:
            yield warn(
                "ANSWERS_CUT",
                case.field(i, "max_new_tokens"),
                f"The teacher may write {stage.max_new_tokens:,} tokens, the longest answer in the data has {longest:,}. Answers that reach the limit are left out.",
                fix(f"Set to {longest:,}", case.field(i, "max_new_tokens"), min(longest, 32768)),
            )


def _shortest(case: Case) -> int:
    return min((p + a for p, a in zip(case.lengths.prompts, case.lengths.answers, strict=True)), default=0)


RULES = (
    length_fits_context,
    rows_remain,
    labels_remain,
    unlabelled_remain,
    unlabelled_are_used,
    rows_fit,
    heldout_remain,
    answers_fit_generation,
)
