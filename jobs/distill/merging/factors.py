"""Low-rank updates as (A, B) and what can be done to them without multiplying B A out.

A is [rank, inputs], B [outputs, rank], the update of a matrix B A. A base has rank 0. Adapters of one learner share their
scale, so it needs no place here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Factors = dict[str, tuple[Tensor, Tensor]]  # name of the layer -> (A, B)
LARGE, OVERSAMPLED = 512, 16  # sides of matrices whose largest directions are found by random projections
DOWN, UP = ".lora_A.default.weight", ".lora_B.default.weight"


def factors_of(tensors: Mapping[str, Tensor]) -> Factors:
    """Adapter tensors by layer; raises ValueError for tensors that are no pair of factors."""
    names = sorted(n.removesuffix(DOWN) for n in tensors if n.endswith(DOWN))
    strange = [n for n in tensors if not n.endswith((DOWN, UP))]
    if strange or not names:
        raise ValueError(f"{(strange or ['the adapter'])[0]} is no pair of low-rank factors")
    return {n: (tensors[n + DOWN], tensors[n + UP]) for n in names}


def tensors_of(factors: Factors) -> dict[str, Tensor]:
    return {n + end: t.contiguous() for n, pair in factors.items() for end, t in zip((DOWN, UP), pair, strict=True)}


def nothing_like(other: Factors) -> Factors:
    """The base: the same layers, no update."""
    return {n: (a[:0], b[:, :0]) for n, (a, b) in other.items()}


def inner_products(pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """<B_i A_i, B_j A_j> of the updates of one matrix, float64 [n, n]."""
    n = len(pairs)
    out = torch.zeros(n, n, dtype=torch.float64)
    for i, (a, b) in enumerate(pairs):
        for j, (c, d) in enumerate(pairs[: i + 1]):
            out[i, j] = out[j, i] = ((b.double().T @ d.double()) * (a.double() @ c.double().T)).sum()
    return out


def combined(pairs: Sequence[tuple[Tensor, Tensor]], weights: Sequence[float]) -> tuple[Tensor, Tensor]:
    """sum_i w_i B_i A_i as factors whose rank is the sum of the parents': exact. Parents of weight 0 take no room."""
    used = [(a, b, w) for (a, b), w in zip(pairs, weights, strict=True) if w and len(a)]
    if not used:  # the base itself
        a, b = next((p for p in pairs if len(p[0])), pairs[0])
        return a, torch.zeros_like(b)
    return torch.cat([a for a, _, _ in used]), torch.cat([b * w for _, b, w in used], 1)


def cut(pair: tuple[Tensor, Tensor], rank: int) -> tuple[tuple[Tensor, Tensor], float]:
    """The closest factors of at most this rank, and the squared Frobenius norm of what is lost. An update that is not
    wider than the rank is left as it is."""
    a, b = pair
    limit = min(rank, a.shape[1], b.shape[0])
    if len(a) <= limit:
        return pair, 0.0
    left, lower = torch.linalg.qr(b.double())
    right, r = torch.linalg.qr(a.double().T)
    u, s, vh = torch.linalg.svd(lower @ r.T)
    root = s[:limit].sqrt()
    up, down = (left @ u[:, :limit]) * root, root[:, None] * (vh[:limit] @ right.T)
    return (down.to(a.dtype), up.to(b.dtype)), float((s[limit:] ** 2).sum())


def refactored(update: Tensor, rank: int) -> tuple[tuple[Tensor, Tensor], float]:
    """(A, B) closest to a whole update [outputs, inputs], and the squared norm of what is lost (Eckart & Young 1936)."""
    if min(update.shape) > LARGE and rank < min(update.shape) // 4:  # randomised: Halko, Martinsson, Tropp 2011
        torch.manual_seed(0)
        u, s, v = torch.svd_lowrank(update.float(), q=rank + OVERSAMPLED, niter=4)
        vh = v.T
    else:
        u, s, vh = torch.linalg.svd(update.double(), full_matrices=False)
    root = s[:rank].sqrt()
    pair = (root[:, None] * vh[:rank]).to(update.dtype), (u[:, :rank] * root).to(update.dtype)
    return pair, max(0.0, float((update.double() ** 2).sum() - (s[:rank].double() ** 2).sum()))


def layer_number(name: str) -> int | None:
    """Which block of the model a layer belongs to; None outside of all blocks (the output layer)."""
    found = re.search(r"\.(\d+)\.", name)
    return int(found[1]) if found else None
