"""The stage that merges: parents from earlier stages, weights given or learnt, the result stored and loaded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError
from safetensors.torch import save as save_tensors

from ..catalog.parts.merges import METHODS
from ..errors import PlanRefused, RecipeInvalid
from ..evaluate import answer_bits
from ..recipe import Merge
from ..recipe.merge import BASE
from ..rows import Example, Row
from ..students.lora import training_mode
from .adapters import MergedAdapter, merge_adapters
from .base import Merging
from .factors import Factors, factors_of, layer_number, nothing_like, tensors_of
from .train_weights import learned_weights

if TYPE_CHECKING:
    from ..work import Work


def merge_stage(work: Work, index: int, stage: Merge) -> str:
    """Loads the merged adapter into the student and stores it under a name that a resumed run finds; returns that name."""
    session, learner = work.session, work.learner()
    name = f"{index:02d}-merge"
    session.events.emit("phase", phase="train", stage=stage.name, total=len(stage.parents))
    if not work.take_stored(name, learner):
        method, options = method_of(stage)
        parents = parents_of(work, stage)
        rows = _score_rows(work, stage)
        merged, note = _merged(work, stage, method, options, parents, rows)
        learner.load(tensors_of(merged.factors))
        learner.model.eval()
        note |= {"lost": merged.lost, "rank": merged.rank, "scores": _scores(work, stage, parents, merged, rows)}
        session.results.put(
            name,
            {
                "adapter.safetensors": save_tensors({n: t.cpu() for n, t in tensors_of(merged.factors).items()}),
                "merge.json": json.dumps(note).encode(),
            },
        )
        _tell(work, stage, merged, note)
    work.ended[stage.name] = name
    learner.trained = True
    training_mode(learner.model)
    return name


def method_of(stage: Merge, field: str = "method") -> tuple[Merging, Any]:
    """The method and its options; raises RecipeInvalid for an unknown name or a wrong option."""
    if stage.method not in METHODS:
        raise RecipeInvalid(
            f"There is no way to merge called {stage.method!r}.", field=field, hint=f"One of {', '.join(METHODS)}."
        )
    part = METHODS[stage.method]()
    try:
        return part, part.Options.model_validate(dict(stage.options))
    except ValidationError as e:
        err = e.errors(include_url=False)[0]
        place = ".".join(("options", *map(str, err["loc"])))
        raise RecipeInvalid(f"{stage.method}, {place}: {err['msg']}.", field=place) from e


def parents_of(work: Work, stage: Merge) -> list[Factors]:
    """The parents' factors, the base without any; raises PlanRefused for adapters that are not plain LoRA."""
    device = next(work.model.parameters()).device
    found: dict[str, Factors] = {}
    for parent in stage.parents:
        if parent != BASE:
            try:
                found[parent] = factors_of({n: t.to(device) for n, t in work.adapter_of(parent).items()})
            except ValueError as e:
                raise PlanRefused(
                    f"The adapter of {parent!r} cannot be merged: {e}.",
                    field="student.adapter.type",
                    hint="Use plain LoRA, without DoRA, a mixer or first values from the weights.",
                ) from e
    nothing = nothing_like(next(iter(found.values()), factors_of(work.start)))
    return [found.get(p, nothing) for p in stage.parents]


def _merged(
    work: Work, stage: Merge, method: Merging, options: Any, parents: Sequence[Factors], rows: Sequence[Example]
) -> tuple[MergedAdapter, dict[str, Any]]:
    """The merge as asked, with learnt weights, or the best of the values to try."""
    seed = work.session.recipe.seed
    if stage.method == "learned":
        weights = learned_weights(work, stage, options, parents)
        linear = METHODS["linear"]()
        return merge_adapters(parents, linear, lambda n: weights[n], None, stage.rank, seed), {"weights": weights}
    if not stage.sweep:
        return merge_adapters(
            parents, method, lambda n: stage.weights_of(layer_number(n)), options, stage.rank, seed
        ), {}
    tried: dict[float, float] = {}
    for number, value in enumerate(stage.sweep):
        made = _at(stage, value, method, options, parents, seed)
        tried[value] = score(work, tensors_of(made.factors), rows)
        values = {"merge.value": value, "merge.bits": tried[value]}
        work.session.events.emit("metric", step=number, arm="student", values=values)
    best = min(tried, key=lambda v: tried[v])
    work.session.events.reason("merge.value", best, f"fewest bits a token ({tried[best]:.4f}) of {len(tried)} tried")
    return _at(stage, best, method, options, parents, seed), {"tried": {str(k): v for k, v in tried.items()}}


def _at(
    stage: Merge, value: float, method: Merging, options: Any, parents: Sequence[Factors], seed: int
) -> MergedAdapter:
    """The merge with one value of the sweep: how far, or the share of the first of two parents."""
    if stage.method == "extrapolate":
        options = options.model_copy(update={"amount": value})
    return merge_adapters(parents, method, lambda _: [value, 1 - value], options, stage.rank, seed)


# -- what it is worth -----------------------------------------------------------------------------------------------------


def _score_rows(work: Work, stage: Merge) -> list[Example]:
    """Labelled rows kept apart from training where there are such, else training rows; never held-out ones."""
    from ..stages import examples_of

    apart = [r for r in work.watched if r.labelled]
    rows: list[Row] = (apart or [r for r in work.train_rows if r.labelled])[: stage.score_rows]
    if stage.sweep and not rows:
        raise PlanRefused(
            f"'{stage.name}' tries {len(stage.sweep)} values and has no labelled rows to tell them apart.",
            field="stages",
            hint="Give one value, or some rows an answer.",
        )
    if stage.sweep and not apart:
        text = f"'{stage.name}' compares its values on training rows: none are kept apart (watch.every)."
        work.session.events.log(text, "warning")
    return examples_of(work, rows, f"scores of '{stage.name}'") if rows else []


def score(work: Work, tensors: dict[str, torch.Tensor], rows: Sequence[Example]) -> float:
    """Bits a supervised token of the student with this adapter."""
    learner = work.learner()
    learner.load(tensors)
    learner.model.eval()
    bits = answer_bits(work.student_speaker(), rows, lambda: work.session.stopping)
    return sum(bits) / sum(e.supervised for e in rows)


def _scores(
    work: Work, stage: Merge, parents: Sequence[Factors], merged: MergedAdapter, rows: Sequence[Example]
) -> dict[str, float]:
    """Each parent's bits a token and the merged adapter's, which is in the student afterwards."""
    if not rows:
        return {}
    out = {}
    for parent, factors in zip(stage.parents, parents, strict=True):
        empty = not len(next(iter(factors.values()))[0])
        out[parent] = score(work, work.start if empty else tensors_of(factors), rows)
    out[stage.name] = score(work, tensors_of(merged.factors), rows)
    return out


def _tell(work: Work, stage: Merge, merged: MergedAdapter, note: dict[str, Any]) -> None:
    events = work.session.events
    how = "exact" if merged.lost < 1e-6 else f"the rank leaves out {merged.lost:.2%} of the update's length"
    events.reason("merge.rank", merged.rank, f"{stage.method} of {', '.join(stage.parents)}; {how}")
    if note["scores"]:
        words = ", ".join(f"{who} {bits:.4f}" for who, bits in note["scores"].items())
        events.log(f"Bits a token on {stage.score_rows} rows at most: {words}.")
