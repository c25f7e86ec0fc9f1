"""A judge's scores mapped to what people say, fitted on rows that have both. Plain Python: some hundred rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

FEWEST = 10  # rows with a human vote that a fit is worth


@dataclass(frozen=True)
class Calibration:
    """A monotone map from score to vote and how well it does: mean absolute error before and after, both left-one-out
    where fitted, and the share of pairs of rows that judge and people order alike."""

    kind: str
    apply: Callable[[float], float]
    rows: int
    before: float
    after: float
    agreement: float

    @property
    def words(self) -> str:
        return (
            f"calibrated on {self.rows:,} human votes ({self.kind}): mean absolute error {self.before:.3f} before, "
            f"{self.after:.3f} after; the judge orders {self.agreement:.0%} of the pairs as people do"
        )


def calibrate(scores: Sequence[float], votes: Sequence[float], kind: Literal["affine", "isotonic"]) -> Calibration:
    """Fits on all; the error after is that of fits which left the row out. Raises ValueError for fewer than FEWEST rows."""
    n = len(scores)
    if n < FEWEST or len(votes) != n:
        raise ValueError(f"{n} rows have a human vote; {FEWEST} are needed")
    fit = affine if kind == "affine" else isotonic
    after = 0.0
    folds = min(n, 20)
    for k in range(folds):
        inside = [i for i in range(n) if i % folds != k]
        map_ = fit([scores[i] for i in inside], [votes[i] for i in inside])
        after += sum(abs(map_(scores[i]) - votes[i]) for i in range(k, n, folds))
    before = sum(abs(s - v) for s, v in zip(scores, votes, strict=True)) / n
    return Calibration(kind, fit(scores, votes), n, before, after / n, ordered_alike(scores, votes))


def affine(x: Sequence[float], y: Sequence[float]) -> Callable[[float], float]:
    """Least squares a x + b; a is never negative, a judge that orders the wrong way round becomes a constant."""
    n = len(x)
    mx, my = sum(x) / n, sum(y) / n
    spread = sum((a - mx) ** 2 for a in x)
    slope = max(0.0, sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / spread) if spread else 0.0
    return lambda value: my + slope * (value - mx)


def isotonic(x: Sequence[float], y: Sequence[float]) -> Callable[[float], float]:
    """Pool adjacent violators: the non-decreasing step function nearest to y, with straight lines between its steps."""
    by: dict[float, list[float]] = {}
    for a, b in zip(x, y, strict=True):
        by.setdefault(a, []).append(b)
    blocks: list[list[float]] = []  # [sum, count, first x, last x]
    for a in sorted(by):
        blocks.append([sum(by[a]), len(by[a]), a, a])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            top = blocks.pop()
            blocks[-1] = [blocks[-1][0] + top[0], blocks[-1][1] + top[1], blocks[-1][2], top[3]]
    knots = [(edge, b[0] / b[1]) for b in blocks for edge in dict.fromkeys((b[2], b[3]))]
    places, values = [k[0] for k in knots], [k[1] for k in knots]

    def at(value: float) -> float:
        i = bisect_right(places, value)
        if i == 0:
            return values[0]
        if i == len(places):
            return values[-1]
        share = (value - places[i - 1]) / (places[i] - places[i - 1])
        return values[i - 1] + share * (values[i] - values[i - 1])

    return at


def ordered_alike(a: Sequence[float], b: Sequence[float]) -> float:
    """Share of the pairs which both order strictly that are ordered alike; 1 where there is none."""
    same = other = 0
    for i in range(len(a)):
        for j in range(i):
            sign = (a[i] - a[j]) * (b[i] - b[j])
            same += sign > 0
            other += sign < 0
    return same / (same + other) if same + other else 1.0
