"""Dynamic time warping of two token sequences by the edit distance of their texts, as in knowledge fusion (FuseLLM)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np


@lru_cache(maxsize=1 << 16)
def edit_distance(a: bytes, b: bytes) -> int:
    """Insertions, deletions and substitutions of bytes that make a into b (Levenshtein)."""
    if a == b:
        return 0
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def warp(a: Sequence[bytes], b: Sequence[bytes]) -> list[tuple[int, int]]:
    """The cheapest path from (0, 0) to (n - 1, m - 1) in steps of one or both; of equal ones the more diagonal one."""
    n, m = len(a), len(b)
    if not n or not m:
        return []
    cost = np.full((n + 1, m + 1), np.inf)
    cost[0, 0] = 0
    for i in range(n):
        for j in range(m):
            least = min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
            cost[i + 1, j + 1] = edit_distance(a[i], b[j]) + least
    path = [(n - 1, m - 1)]
    while path[-1] != (0, 0):
        i, j = path[-1]
        options = [(cost[i, j], (i - 1, j - 1)), (cost[i, j + 1], (i - 1, j)), (cost[i + 1, j], (i, j - 1))]
        path.append(min(options, key=lambda o: o[0])[1])
    return path[::-1]


def one_to_one(path: Sequence[tuple[int, int]], n: int) -> np.ndarray:
    """For each of n tokens of the first side the single token of the other side it meets, or -1, int64 [n].

    A token of the other side that meets several is nobody's match.
    """
    mine: dict[int, list[int]] = {}
    other: dict[int, list[int]] = {}
    for i, j in path:
        mine.setdefault(i, []).append(j)
        other.setdefault(j, []).append(i)
    out = np.full(n, -1, dtype=np.int64)
    for i, met in mine.items():
        if len(met) == 1 and len(other[met[0]]) == 1:
            out[i] = met[0]
    return out
