"""Rules about terms over inner states: layers that exist, projections that can be read, one teacher, gradients for all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from ...recipe import Term, Train
from ..case import Case
from ..facts import ModelFacts
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows

SEPARATE = ({"q_proj", "k_proj", "v_proj"}, {"query", "key", "value"})


def layers_exist(case: Case, rows: Rows) -> Iterator[Finding]:
    """A map of layers names blocks that both models have."""
    from ...objectives.features.layers import layer_map

    for i, stage, k, _, part, options in _layered(case):
        learner, teacher = case.model(stage.learner), _teacher(case, stage)
        if learner is None or teacher is None:
            continue
        try:
            layer_map(options.layers, learner.layers, teacher.layers)
        except ValueError as e:
            where = case.field(i, f"terms.{k}.options.layers")
            mend = None if case.asked.method else fix("Spread them evenly", where, "uniform")
            yield refuse("LAYERS_MISSING", where, f"{part.title}: {e}.", mend)


def projections_can_be_read(case: Case, rows: Rows) -> Iterator[Finding]:
    """Some families compute queries, keys and values in one matrix."""
    for i, stage, k, _, part, _ in _layered(case):
        for model in (case.model(stage.learner), _teacher(case, stage)):
            if "projections" not in part.needs or model is None or not model.linears:
                continue
            if not any(names <= {m.name for m in model.linears} for names in SEPARATE):
                where = case.field(i, f"terms.{k}.type")
                mend = None if case.asked.method else fix("Compare hidden states", where, "hidden")
                yield refuse(
                    "PROJECTIONS_FUSED",
                    where,
                    f"{model.name} has no separate query, key and value projections, which {part.title} reads. Compare hidden states instead.",
                    mend or fix("Compare hidden states", "method", "fitnets"),
                )


def one_teacher_shows_its_states(case: Case, rows: Rows) -> Iterator[Finding]:
    """Several teachers have no inner states in common."""
    for i, stage in case.trains:
        inner = [p.title for _, _, p in case.terms(stage) if _reads_inside(p)]
        if inner and len(stage.teaching.members) > 1:
            where = case.field(i, "teaching.members")
            yield refuse(
                "STATES_OF_SEVERAL",
                where,
                f"{inner[0]} reads inside one teacher, and {len(stage.teaching.members)} teach in the stage {stage.name!r}.",
                fix("Keep the first teacher", where, [stage.teaching.members[0].model_dump(mode="json")]),
            )


def every_layer_learns(case: Case, rows: Rows) -> Iterator[Finding]:
    """What lies above the compared layers needs another term, or it would get no gradient at all."""
    for i, stage in case.trains:
        terms = list(case.terms(stage))
        short = [p.title for _, t, p in terms if stops_short(case, stage, t, p)]
        if terms and len(short) == len(terms):
            where = case.field(i, "terms")
            kept = [t.model_dump(mode="json") for t in stage.terms]
            yield refuse(
                "LAYERS_WITHOUT_GRADIENT",
                where,
                f"{short[0]} says nothing about what lies above the layers it reads, so a part of the adapter would learn nothing. Put cross-entropy beside it.",
                None if case.asked.method else fix("Add cross-entropy", where, [*kept, {"type": "cross-entropy"}]),
            )


def batch_is_whole(case: Case, rows: Rows) -> Iterator[Finding]:
    """A distance over a batch changes with the cut into micro-batches, unlike every other term."""
    for i, stage in case.trains:
        size = stage.micro_batch or stage.batch_size
        for _, term, part in case.terms(stage):
            if "batch" in part.needs and term.options.get("over", "batch") == "batch" and size < stage.batch_size:
                yield warn(
                    "BATCH_CUT",
                    case.field(i, "micro_batch"),
                    f"{part.title} compares the rows of one forward with each other: {size} at a time here, of {stage.batch_size} in a step. Larger micro-batches change the result.",
                    fix("Take the whole step at once", case.field(i, "micro_batch"), stage.batch_size),
                )


def stops_short(case: Case, stage: Train, term: Term, part: Any) -> bool:
    """Whether no gradient of this term reaches the last block's output."""
    if "layers" not in part.needs:
        return False
    if "projections" in part.needs:
        return True
    layers, learner = str(term.options.get("layers", "last")).replace(" ", ""), case.model(stage.learner)
    explicit = ":" in layers and learner is not None
    return explicit and all(int(p.split(":")[0]) < (learner.layers if learner else 0) for p in layers.split(","))


def _reads_inside(part: Any) -> bool:
    return part.scope == "states" and "teacher" in part.needs and "aligned" not in part.needs


def _teacher(case: Case, stage: Train) -> ModelFacts | None:
    """Who shows its layers: a model of the recipe, or the learner itself."""
    member = stage.teaching.members[0]
    return case.model(member.name) if member.kind == "model" else case.model(stage.learner)


def _layered(case: Case) -> Iterator[tuple[int, Train, int, Term, Any, Any]]:
    """Terms that compare layers, with their options; options that are not valid are another rule's."""
    for i, stage in case.trains:
        for k, term, part in case.terms(stage):
            if "layers" in part.needs:
                try:
                    yield i, stage, k, term, part, part.Options.model_validate(dict(term.options))
                except ValidationError:
                    continue


RULES = (
    layers_exist,
    projections_can_be_read,
    one_teacher_shows_its_states,
    every_layer_learns,
    batch_is_whole,
)
