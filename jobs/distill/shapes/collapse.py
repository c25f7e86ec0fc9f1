"""LaCo: rear layers folded into the one before them while the model's output stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..parts import Paper
from ..recipe import Collapse
from .base import Given, Shaped, ShapeKind

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .calibration import Batch


class Collapsed(ShapeKind):
    id = "collapse"
    title = "Layers collapsed"
    summary = "Neighbouring layers become one: the lower layer plus the sum of the others' differences from it."
    when_to_use = (
        "When layers should go but what they learnt should not: keeps more of the model than leaving them out."
    )
    formula = r"\theta_l^* = \theta_l + \sum_{k=1}^{K} (\theta_{l+k} - \theta_l),\quad \overline{\cos}(f^*, f) > T"
    paper = Paper(
        title="LaCo: Large Language Model Pruning via Layer Collapse",
        authors="Yang, Cao, Zhao",
        year=2024,
        arxiv="2402.11187",
        url="https://arxiv.org/abs/2402.11187",
    )
    Options = Collapse

    def make(self, given: Given) -> Shaped:
        from .layers import config_of_layers, layers_of, take_layers

        batches = given.batches(given.options.rows)
        kept, merges, tried = _walk(given, layers_of(given.model, given.family), batches)
        given.told(
            f"{sum(len(m['folded']) for m in merges)} layers were folded away in {len(merges)} merges; {tried - len(merges)} were too different."
        )
        return Shaped(
            config_of_layers(given.model.config.to_dict(), given.family, kept),
            take_layers(given.model.state_dict(), given.family, kept),
            {"kept_layers": kept, "merges": merges, "tried": tried},
        )


def _walk(given: Given, layers: nn.ModuleList, batches: Sequence[Batch]) -> tuple[list[int], list[dict[str, Any]], int]:
    """From the rear to the front: merges are tried, measured against the untouched model, kept or undone.

    Returns the layers left (old numbers), each merge {into, folded, cosine}, and how many were tried.
    """
    options = given.options
    whole, kept = _outputs(given, batches, []), list(range(given.size.layers))
    place = min(options.highest or len(kept), len(kept)) - options.merged
    merges: list[dict[str, Any]] = []
    tried = 0
    while place >= options.lowest and len(kept) > options.at_least:
        folds = min(options.merged - 1, len(kept) - 1 - place, len(kept) - options.at_least)
        if folds < 1:
            place -= 1
            continue
        into, folded = kept[place], kept[place + 1 : place + 1 + folds]
        before = fold(layers, into, folded)
        left = [i for i in kept if i not in folded]
        similar = _similarity(whole, _outputs(given, batches, [i for i in range(given.size.layers) if i not in left]))
        tried += 1
        if similar > options.threshold:
            kept = left
            merges.append({"into": into, "folded": folded, "cosine": similar})
            place = min(place - options.interval, len(kept) - options.merged)
        else:
            layers[into].load_state_dict(before)
            place -= 1
    return kept, merges, tried


def fold(layers: nn.ModuleList, into: int, folded: Sequence[int]) -> dict[str, Tensor]:
    """theta_l + sum of (theta_k - theta_l), computed in float32 and put in the place of layer l; returns what stood there."""
    before = {n: t.clone() for n, t in layers[into].state_dict().items()}
    others = [layers[k].state_dict() for k in folded]
    merged = {n: (t.float() + sum(o[n].float() - t.float() for o in others)).to(t.dtype) for n, t in before.items()}
    layers[into].load_state_dict(merged)
    return before


def _outputs(given: Given, batches: Sequence[Batch], left_out: Sequence[int]) -> list[Tensor]:
    """The model's last hidden states on each batch, without some layers, [n, H] each."""
    import torch

    from .calibration import states
    from .layers import layers_of, without

    with torch.no_grad(), without(layers_of(given.model, given.family), left_out):
        return [states(given.model, b) for b in batches]


def _similarity(a: Sequence[Tensor], b: Sequence[Tensor]) -> float:
    """Mean cosine over all positions."""
    import torch
    import torch.nn.functional as F

    return float(
        torch.cat([F.cosine_similarity(x.float(), y.float(), dim=-1) for x, y in zip(a, b, strict=True)]).mean()
    )
