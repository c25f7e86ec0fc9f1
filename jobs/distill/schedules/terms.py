"""The terms of a stage as they stand at one step: weights, temperatures and options that follow a curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..recipe import Curve
from ..recipe import Term as Spec
from .curves import value_at

if TYPE_CHECKING:
    from ..step import Term


def curves_of(specs: Sequence[Spec]) -> dict[str, Curve]:
    """The curves of a stage's terms by place: `0.weight`, `1.temperature`, `1.alpha`."""
    return {f"{i}.{name}": curve for i, spec in enumerate(specs) for name, curve in spec.schedule.items()}


def terms_at(
    terms: Sequence[Term], curves: Mapping[str, Curve], step: int, steps: int, reached: Mapping[str, float]
) -> list[Term]:
    """The same terms with what moves set to its value at this step; raises ValueError when an option's value is not allowed."""
    if not curves:
        return list(terms)
    out = list(terms)
    for place, curve in curves.items():
        number, _, name = place.partition(".")
        if not number.isdigit():
            continue
        term, value = out[int(number)], value_at(curve, step, steps, reached.get(place))
        if name == "weight":
            out[int(number)] = replace(term, weight=value)
        elif name == "temperature":
            out[int(number)] = replace(term, objective=replace(term.objective, temperature=value))
        else:
            options = term.objective.part.Options.model_validate({**term.objective.options.model_dump(), name: value})
            out[int(number)] = replace(term, objective=replace(term.objective, options=options))
    return out
