"""Rules about the adapter."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from ...recipe.adapter import FROM_ROWS
from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows
from ..words import listed

FIELD = "student.adapter"
LOW_RANK = {"lora", "adalora", "loha", "lokr", "delora", "gralora", "hira"}  # two factors through a narrow middle


def targets_exist(case: Case, rows: Rows) -> Iterator[Finding]:
    """Only names from the model's own linear modules, never a pattern."""
    targets = case.recipe.student.adapter.targets
    names = list(dict.fromkeys(m.name for m in case.student.linears))
    if targets == "all-linear" or not names:
        return
    if "lm_head" in targets and "lm_head" not in names:
        yield refuse(
            "TARGETS_HEAD",
            f"{FIELD}.targets",
            "The output layer lm_head is no target layer: both models share one pass over it, which adapts it by its effective weight. Say so with the adapter's field head.",
            fix("Adapt the output layer too", FIELD, _with_head(case)),
        )
        return
    if unknown := [t for t in targets if t not in names]:
        near = [n for t in unknown for n in get_close_matches(t, names, 1, 0.5)]
        meant = f" Did you mean {listed(dict.fromkeys(near))}?" if near else ""
        yield refuse(
            "TARGETS_UNKNOWN",
            f"{FIELD}.targets",
            f"The student has no linear layer named {listed(repr(t[:60]) for t in unknown)}. Its layers are {listed(names, 20)}.{meant}",
            fix("Use all linear layers", f"{FIELD}.targets", "all-linear"),
        )
    elif not targets:
        yield refuse(
            "TARGETS_EMPTY",
            f"{FIELD}.targets",
            "No target layer is chosen, so the adapter would change nothing.",
            fix("Use all linear layers", f"{FIELD}.targets", "all-linear"),
        )


def _with_head(case: Case) -> dict[str, object]:
    """The adapter with its field head instead of lm_head among the targets."""
    adapter = case.recipe.student.adapter
    others = [t for t in adapter.targets if t != "lm_head"] if isinstance(adapter.targets, list) else []
    return adapter.model_copy(update={"head": True, "targets": others or "all-linear"}).model_dump(
        mode="json", exclude_defaults=True
    )


def rank_fits(case: Case, rows: Rows) -> Iterator[Finding]:
    """An update of a layer cannot have a higher rank than the layer's smaller side."""
    rank, smallest = (
        case.recipe.student.adapter.rank,
        min(case.targets, key=lambda m: min(m.inputs, m.outputs), default=None),
    )
    if smallest is None or case.recipe.student.adapter.type not in LOW_RANK:
        return
    most = min(smallest.inputs, smallest.outputs)
    if rank > most:
        yield refuse(
            "RANK_TOO_LARGE",
            f"{FIELD}.rank",
            f"Rank {rank:,} is larger than layer {smallest.name} allows: it is {smallest.inputs:,} x {smallest.outputs:,}, so at most {most:,}.",
            fix(f"Set rank to {most:,}", f"{FIELD}.rank", most),
        )
    elif rank > most // 2:
        yield warn(
            "RANK_LARGE",
            f"{FIELD}.rank",
            f"Rank {rank:,} is more than half of the width of layer {smallest.name} ({most:,}): the adapter is then no smaller than the layer.",
        )


def scale_is_sane(case: Case, rows: Rows) -> Iterator[Finding]:
    """alpha / rank multiplies the update; far from 1 to 4 it acts like a different learning rate."""
    a = case.recipe.student.adapter
    if a.type != "lora":
        return
    scale = a.alpha / (a.rank**0.5 if a.rslora else a.rank)
    if scale > 16:
        yield warn(
            "ALPHA_LARGE",
            f"{FIELD}.alpha",
            f"Alpha {a.alpha:g} at rank {a.rank:,} multiplies the update by {scale:.3g}; usual is 1 to 2. Training may diverge.",
            fix(f"Set alpha to {2 * a.rank}", f"{FIELD}.alpha", float(min(8192, 2 * a.rank))),
        )


def pruned_learner_has_another_teacher(case: Case, rows: Rows) -> Iterator[Finding]:
    """A pruned student is not its whole self while it trains, so it cannot be its own teacher then."""
    if not case.recipe.student.adapter.pruned:
        return
    for i, stage in case.trains:
        if case.needs(stage, "teacher") and any(m.kind != "model" for m in stage.teaching.members):
            yield refuse(
                "PRUNED_OWN_TEACHER",
                case.field(i, "teaching"),
                "The student trains with parts of its layers away, so its own base, average or earlier adapter cannot teach it meanwhile.",
                fix("Train the whole student", f"{FIELD}.pruned", 0.0),
            )


def first_values_have_rows(case: Case, rows: Rows) -> Iterator[Finding]:
    """EVA, CorDA and LoRA-GA read labelled rows."""
    start = case.recipe.student.adapter.start
    if start in FROM_ROWS and not case.available[0]:
        yield refuse(
            "START_NEEDS_LABELS",
            f"{FIELD}.start",
            f"First values of kind {start} are read from labelled training rows, and there are none.",
            fix("Use the default first values", f"{FIELD}.start", "default"),
        )


RULES = (targets_exist, rank_fits, scale_is_sane, pruned_learner_has_another_teacher, first_values_have_rows)
