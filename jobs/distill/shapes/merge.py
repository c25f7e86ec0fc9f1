"""Several models of one architecture become one student."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import PlanRefused
from ..merging.base import Merging
from ..merging.linear import Linear
from ..merging.slerp import Slerp
from ..parts import Paper
from ..recipe import MergeModels
from .base import Given, Shaped, ShapeKind

if TYPE_CHECKING:
    from torch import Tensor


class Merged(ShapeKind):
    id = "merge"
    title = "Merged from several models"
    summary = "Weights of several models of one shape are combined, tensor by tensor, into the student."
    when_to_use = (
        "When there are several fine-tuned copies of one model, and the student should begin with something of each."
    )
    formula = r"\theta_S = \sum_i w_i\,\theta_i"
    paper = Paper(
        title="Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference time",
        authors="Wortsman, Ilharco, Gadre, Roelofs, Gontijo-Lopes, Morcos, Namkoong, Farhadi, Carmon, Kornblith, Schmidt",
        year=2022,
        venue="ICML",
        arxiv="2203.05482",
        url="https://arxiv.org/abs/2203.05482",
    )
    Options = MergeModels
    reads_rows = False

    def make(self, given: Given) -> Shaped:
        options = given.options
        own = dict(given.model.state_dict())
        sources = [own] + [_fits(name, own, given.other(name)) for name in options.models]
        weights = options.weights or [1 / len(sources)] * len(sources)
        given.told(
            f"{len(sources)} models are merged ({options.method}), weights {', '.join(f'{w:g}' for w in weights)}."
        )
        method: Merging = Linear() if options.method == "linear" else Slerp()
        merged = {n: method.tensor([s[n] for s in sources], weights, None) for n in own}
        return Shaped({}, merged, {"weights": list(weights)})


def _fits(name: str, own: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, Tensor]:
    """The other model's tensors; raises PlanRefused for the first that differs in name or shape."""
    for tensor in own:
        if tensor not in other:
            raise PlanRefused(
                f"Model {name!r} has no tensor {tensor}, so it cannot be merged with the student's.",
                field="student.shape.models",
                hint="Merge models of one architecture and one size.",
            )
        if own[tensor].shape != other[tensor].shape:
            a, b = (" x ".join(map(str, t.shape)) for t in (own[tensor], other[tensor]))
            raise PlanRefused(
                f"{tensor} is {a} in the student's model and {b} in {name!r}: models of different sizes cannot be merged.",
                field="student.shape.models",
                hint="Merge models of one architecture and one size.",
            )
    return {n: other[n] for n in own}
