"""Rules about stages that merge adapters."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from pydantic import ValidationError

from ...catalog.parts.merges import METHODS
from ...recipe import Merge, Train
from ...recipe.merge import BASE
from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows
from ..words import listed

SUM_SLACK = 1e-6


def _merges(case: Case) -> Iterator[tuple[int, Merge]]:
    for i, stage in enumerate(case.stages):
        if isinstance(stage, Merge):
            yield i, stage


def ways_are_known(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in _merges(case):
        part = METHODS.get(stage.method)
        if part is None:
            near = get_close_matches(stage.method, METHODS, 1, 0.5)
            yield refuse(
                "MERGE_UNKNOWN",
                case.field(i, "method"),
                f"There is no way to merge called {stage.method!r}. There are {listed(METHODS, 12)}.",
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


def parents_come_before(case: Case, rows: Rows) -> Iterator[Finding]:
    """Every parent is an earlier adapter of the student, or the base."""
    for i, stage in _merges(case):
        ended: dict[str, str] = {}
        for earlier in case.stages[:i]:
            if isinstance(earlier, (Train, Merge)):
                ended[earlier.name] = earlier.learner if isinstance(earlier, Train) else "student"
        mine = [name for name, who in ended.items() if who == "student"]
        for k, parent in enumerate(stage.parents):
            if parent == BASE or ended.get(parent) == "student":
                continue
            whose = f"the adapter of {ended[parent]!r}, not of the student" if parent in ended else "no earlier adapter"
            yield refuse(
                "MERGE_PARENT",
                case.field(i, f"parents.{k}"),
                f"{stage.name!r} merges {parent!r}, which is {whose}; there are: {listed(mine) if mine else 'none'}.",
            )
        if all(p == BASE for p in stage.parents):
            yield refuse("MERGE_NOTHING", case.field(i, "parents"), f"{stage.name!r} merges nothing but the base.")


def parents_and_weights_fit(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in _merges(case):
        part = METHODS.get(stage.method)
        if part is None:
            continue
        n = len(stage.parents)
        if part.parents and n != part.parents:
            text = f"{part.title} takes {part.parents} parents; {stage.name!r} has {n}."
            yield refuse("MERGE_PARENTS", case.field(i, "parents"), text)
        if (stage.weights or stage.ranges) and not part.weighted:
            yield refuse(
                "MERGE_WEIGHTS",
                case.field(i, "weights"),
                f"{part.title} finds its weights itself, and {stage.name!r} gives some.",
                fix("Leave the weights out", case.field(i, "weights"), []),
            )
            continue
        yield from _sums(case, i, stage)
        swept = stage.method == "extrapolate" or (stage.method in ("linear", "slerp") and n == 2)
        if stage.sweep and not swept:
            yield refuse(
                "MERGE_SWEEP",
                case.field(i, "sweep"),
                f"{stage.name!r} tries values, which is for extrapolation, and for linear or slerp with two parents.",
                fix("Try no values", case.field(i, "sweep"), []),
            )


def _sums(case: Case, i: int, stage: Merge) -> Iterator[Finding]:
    for weights in filter(None, [stage.weights, *(r.weights for r in stage.ranges)]):
        total = sum(weights)
        if stage.method in ("slerp", "ties") and (total <= 0 or min(weights) < 0):
            text = f"The weights {listed(f'{w:g}' for w in weights)} of {stage.name!r} must not be negative, and not all 0."
            yield refuse("MERGE_WEIGHTS", case.field(i, "weights"), text)
        elif stage.method in ("linear", "dare") and abs(total - 1) > SUM_SLACK:
            yield warn(
                "MERGE_SUM",
                case.field(i, "weights"),
                f"The weights of {stage.name!r} sum to {total:g}, not 1: the merged update is that much longer or shorter.",
            )


def adapters_can_be_merged(case: Case, rows: Rows) -> Iterator[Finding]:
    """Updates are added as products of two factors; other kinds of adapters have no such form."""
    adapter = case.recipe.student.adapter
    odd = {
        f"the kind {adapter.type}": adapter.type != "lora",
        "DoRA": adapter.dora,
        "MoSLoRA": adapter.mixer,
        "VeLoRA": adapter.velora is not None,
        "modules trained whole": bool(adapter.whole),
        f"first values {adapter.start}": adapter.start in ("pissa", "olora", "corda", "lora_ga", "loftq"),
    }
    found = [name for name, on in odd.items() if on]
    if found and (first := next(_merges(case), None)):
        yield refuse(
            "MERGE_ADAPTER",
            "student.adapter",
            f"{first[1].name!r} merges adapters, which is done with plain LoRA; this recipe has {listed(found)}.",
            fix("Use LoRA", "student.adapter", {"type": "lora", "rank": adapter.rank, "alpha": adapter.alpha}),
        )


RULES = (
    ways_are_known,
    parents_come_before,
    parents_and_weights_fit,
    adapters_can_be_merged,
)
