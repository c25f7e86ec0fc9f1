"""Several adapters of one model become one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .base import Merging
from .factors import Factors, combined, cut, inner_products, refactored

Weights = Callable[[str], Sequence[float]]  # of the layer of this name, one a parent


@dataclass(frozen=True)
class MergedAdapter:
    """`lost`: share of the update's length that the rank has no room for, 0 where the merge is exact."""

    factors: Factors
    lost: float
    rank: int  # the widest


def merge_adapters(
    parents: Sequence[Factors], method: Merging, weights: Weights, options: Any, rank: int | None = None, seed: int = 0
) -> MergedAdapter:
    """Merges the updates B A of every layer, never A and B by themselves: the product of sums is not the sum of products.

    Weighted sums are written exactly, as stacked factors, unless `rank` asks for less. Methods that work on entries make a
    full matrix, which is brought back to `rank`, or to the sum of the parents' ranks, by its largest singular values.
    """
    out: Factors = {}
    lost = total = 0.0
    for number, name in enumerate(parents[0]):
        pairs = [p[name] for p in parents]
        room = rank or max(1, sum(len(a) for a, _ in pairs))
        if method.elementwise:
            updates = [_product(p) for p in pairs]
            merged = method.tensor(updates, weights(name), options, seed + number)
            limit = min(room, *merged.shape)
            pair, gone = refactored(merged, limit)
            length = float((merged.double() ** 2).sum())
            pair = pair[0].to(pairs[0][0].dtype), pair[1].to(pairs[0][1].dtype)
        else:
            shares = method.coefficients(inner_products(pairs), weights(name), options)
            whole = combined(pairs, shares)
            pair, gone = cut(whole, room)
            length = float(inner_products([whole])[0, 0])
        out[name], lost, total = pair, lost + gone, total + length
    share = math.sqrt(lost / total) if total > 0 else 0.0
    return MergedAdapter(out, share, max(len(a) for a, _ in out.values()))


def _product(pair: tuple[Tensor, Tensor]) -> Tensor:
    return pair[1].float() @ pair[0].float()
