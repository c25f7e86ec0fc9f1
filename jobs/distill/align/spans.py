"""Minimal common spans of two tokenisations of one text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .offsets import Span

Groups = list[list[int]]


def groups(a: Sequence[Span | None], b: Sequence[Span | None]) -> tuple[Groups, Groups]:
    """Indices of the tokens of each side in each span; a span ends where both sides end a token.

    Sides given as touching spans over the same bytes; tokens that cover nothing (None) belong to no span. What is left
    when one side ends early joins the last span.

    >>> groups([(0, 3), (3, 5), (5, 9)], [(0, 5), (5, 7), (7, 9)])
    ([[0, 1], [2]], [[0], [1, 2]])
    """
    left = [(i, s[1]) for i, s in enumerate(a) if s is not None]
    right = [(i, s[1]) for i, s in enumerate(b) if s is not None]
    out: tuple[Groups, Groups] = ([], [])
    i = j = first_i = first_j = 0
    while i < len(left) and j < len(right):
        x, y = left[i][1], right[j][1]
        i += x <= y
        j += y <= x
        if x == y:
            out[0].append([k for k, _ in left[first_i:i]])
            out[1].append([k for k, _ in right[first_j:j]])
            first_i, first_j = i, j
    if out[0]:
        out[0][-1] += [k for k, _ in left[first_i:]]
        out[1][-1] += [k for k, _ in right[first_j:]]
    return out


def numbered(found: Groups, n: int) -> np.ndarray:
    """The span of each of n tokens, -1 outside, int64 [n]."""
    out = np.full(n, -1, dtype=np.int64)
    for number, group in enumerate(found):
        out[group] = number
    return out
