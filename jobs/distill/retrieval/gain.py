"""Normalised discounted cumulative gain of a ranking (Järvelin and Kekäläinen 2002)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set


def ndcg(ranking: Sequence[str], relevant: Set[str] | Mapping[str, float], most: int = 10) -> float:
    """Of the first `most` of a ranking, 0 to 1: sum of gain / log2(rank + 1) over its best possible value.

    Gains are 1 for a set, and as graded for a mapping. A text that is ranked twice counts once. 0 where nothing is relevant.
    """
    gains = relevant if isinstance(relevant, Mapping) else dict.fromkeys(relevant, 1.0)
    found = [gains.get(text, 0.0) for text in dict.fromkeys(ranking)][:most]
    ideal = _discounted(sorted(gains.values(), reverse=True)[:most])
    return _discounted(found) / ideal if ideal else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(g / math.log2(n + 2) for n, g in enumerate(gains))
