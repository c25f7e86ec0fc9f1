"""How far two reviewers agree: share with its interval, and Cohen's kappa with its own. Pure numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

Z = 1.959964  # of a 95 % interval


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; None where it cannot be computed, and `why`."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    why: str = ""

    def as_dict(self) -> dict[str, object]:
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            **({"why": self.why} if self.why else {}),
        }


def share(hits: int, n: int) -> Estimate:
    """hits / n with Wilson's score interval."""
    if n == 0:
        return Estimate(None, why="no row has two decisions yet")
    p, z2 = hits / n, Z * Z
    middle, half = (p + z2 / (2 * n)) / (1 + z2 / n), Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Estimate(p, max(0.0, middle - half), min(1.0, middle + half), n)


def kappa(pairs: Sequence[tuple[str, str]]) -> Estimate:
    """Cohen's kappa of two people's categories, with the large-sample interval of Fleiss, Cohen and Everitt (1969)."""
    n = len(pairs)
    if n == 0:
        return Estimate(None, why="no row has two decisions yet")
    names = sorted({c for pair in pairs for c in pair})
    joint = Counter(pairs)
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    p = {(a, b): joint[a, b] / n for a in names for b in names}
    row, column = {a: first[a] / n for a in names}, {b: second[b] / n for b in names}
    po, pe = sum(p[c, c] for c in names), sum(row[c] * column[c] for c in names)
    if math.isclose(pe, 1.0):
        return Estimate(
            None, n=n, why="both chose one and the same category throughout: chance alone would agree as well"
        )
    k = (po - pe) / (1 - pe)
    same = sum(p[c, c] * (1 - (row[c] + column[c]) * (1 - k)) ** 2 for c in names)
    other = (1 - k) ** 2 * sum(p[a, b] * (column[a] + row[b]) ** 2 for a in names for b in names if a != b)
    variance = max(0.0, same + other - (k - pe * (1 - k)) ** 2) / (n * (1 - pe) ** 2)
    half = Z * math.sqrt(variance)
    return Estimate(k, max(-1.0, k - half), min(1.0, k + half), n)
