"""Several models of one architecture become one student."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import PlanRefused
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
        combine = linear if options.method == "linear" else slerp
        return Shaped({}, {n: combine([s[n] for s in sources], weights) for n in own}, {"weights": list(weights)})


def linear(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Weighted sum, in float32."""
    total = sum(t.float() * w for t, w in zip(tensors, weights, strict=True))
    return total.to(tensors[0].dtype)  # type: ignore[union-attr]


def slerp(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """From the first to the second of two tensors along the arc between their directions (Shoemake 1985), with the share
    t = w_2 / (w_1 + w_2); nearly parallel ones are mixed on the straight line."""
    import torch

    a, b = (t.float() for t in tensors)
    share = weights[1] / sum(weights)
    lengths = a.norm() * b.norm()
    cosine = float((a * b).sum() / lengths) if lengths > 0 else 1.0
    if abs(cosine) > 0.9995:
        return linear(tensors, (1 - share, share))
    angle = torch.arccos(torch.tensor(cosine))
    ends = torch.sin((1 - share) * angle), torch.sin(share * angle)
    return ((ends[0] * a + ends[1] * b) / torch.sin(angle)).to(tensors[0].dtype)


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
