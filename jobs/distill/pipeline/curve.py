"""What more rows would buy: a learning curve fitted to the rounds so far, with an interval, and the advice it gives.

The share of wrong answers is taken to fall as a power of the rows, err(n) = c + a n^-b (Hestness et al. 2017,
arXiv:1712.00409; Kaplan et al. 2020, arXiv:2001.08361). Few rounds do not say which law they follow: the interval also
holds what a score that rises with log n, or on as straight as between the last two rounds, would bring.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

DRAWS = 399
LAWS = 3
FLOORS = 24  # values of c that are tried
FLATTEST, STEEPEST = 0.02, 2.0  # of b
PER = 1000  # rows that advice speaks of
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """A score between 0 and 1 after training on so many rows, and its standard error."""

    rows: int
    score: float
    error: float = 0.0


@dataclass(frozen=True)
class Curve:
    """err(n) = floor + scale * n ** -power."""

    floor: float
    scale: float
    power: float

    def score(self, rows: float) -> float:
        return float(1 - self.floor - self.scale * max(1.0, rows) ** -self.power)


@dataclass(frozen=True)
class Advice:
    """What `rows` more rows are expected to buy, in points of score, with a 90 % interval; `price` is theirs."""

    rows: int
    gain: float
    low: float
    high: float
    price: float | None
    currency: str = ""

    @property
    def sentence(self) -> str:
        cost = "" if self.price is None else f" for about {self.price:,.2f} {self.currency}".rstrip()
        text = f"The next {self.rows:,} rows buy about {100 * self.gain:+.1f} points ({100 * self.low:+.1f} to {100 * self.high:+.1f}){cost}"
        return f"{text}. Stop?" if self.high < 0.01 else f"{text}."

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "sentence": self.sentence}


def fit(points: Sequence[Point]) -> Curve:
    """Least squares over a grid of floors, each point weighed by how well its score is known. Raises ValueError below two
    points of different size."""
    rows = np.asarray([max(1, p.rows) for p in points], dtype=np.float64)
    if len(set(rows)) < 2:
        raise ValueError("a curve needs two numbers of rows")
    wrong = np.clip(1 - np.asarray([p.score for p in points]), 1e-4, 1.0)
    weight = 1 / np.maximum(np.asarray([p.error for p in points]), 1e-3)
    best: tuple[float, Curve] | None = None
    # Without a third point nothing speaks for a floor.
    floors = np.linspace(0, wrong.min() * 0.98, FLOORS) if len(set(rows)) > 2 else np.zeros(1)
    for floor in floors:
        cost, curve = _line(rows, wrong, weight, float(floor))
        cost *= 1 + 0.05 * floor / max(wrong.min(), 1e-9)  # of two that fit alike, the one that still learns
        if best is None or cost < best[0]:
            best = cost, curve
    assert best is not None
    return best[1]


def _line(rows: Floats, wrong: Floats, weight: Floats, floor: float) -> tuple[float, Curve]:
    """The straight line through log(err - floor) over log(n)."""
    x, y = np.log(rows), np.log(np.maximum(wrong - floor, 1e-6))
    w = weight * np.maximum(wrong - floor, 1e-6)  # an error in the score, seen on the logarithm
    w = w**2 / (w**2).sum()
    mx, my = float((w * x).sum()), float((w * y).sum())
    spread = float((w * (x - mx) ** 2).sum())
    slope = float((w * (x - mx) * (y - my)).sum()) / spread if spread else 0.0
    power = float(np.clip(-slope, FLATTEST, STEEPEST)) if -slope > 0 else 0.0
    curve = Curve(floor, float(np.exp(my + power * mx)), power)
    missed = wrong - floor - curve.scale * rows**-curve.power
    return float(((missed * weight) ** 2).sum()) + 1e-12, curve


def advice(
    points: Sequence[Point], price_a_row: float | None = None, currency: str = "", rows: int = PER, seed: int = 0
) -> Advice | None:
    """What `rows` more rows would buy after the last point; None before there are two points of different size."""
    if len({max(1, p.rows) for p in points}) < 2:
        return None
    last = max(p.rows for p in points)
    gains = [laws(d, last + rows)[k % LAWS] - laws(d, last)[k % LAWS] for k, d in enumerate(_drawn(points, seed))]
    gain = sorted(b - a for a, b in zip(laws(points, last), laws(points, last + rows), strict=True))[LAWS // 2]
    price = None if price_a_row is None else price_a_row * rows
    low, high = (float(v) for v in np.percentile(gains, [5, 95]))
    return Advice(rows, gain, min(low, gain), max(high, gain), price, currency)


def predicted(points: Sequence[Point], rows: int, seed: int = 0) -> tuple[float, float, float] | None:
    """(score, low, high) expected at so many rows, the noise of the evaluation included; None when no curve can be fitted."""
    if len({max(1, p.rows) for p in points}) < 2:
        return None
    noise = max(points, key=lambda p: p.rows).error
    rng = np.random.default_rng(seed)
    scores = [laws(d, rows)[k % LAWS] + rng.normal(0, noise) for k, d in enumerate(_drawn(points, seed))]
    expected = sorted(laws(points, rows))[LAWS // 2]
    low, high = (float(v) for v in np.percentile(scores, [5, 95]))
    return expected, min(expected, low), max(expected, high)


def laws(points: Sequence[Point], rows: int) -> tuple[float, float, float]:
    """The score at so many rows if it follows a power law, log n, or the line through the last two numbers of rows."""
    ends = sorted(points, key=lambda p: p.rows)
    last, before = ends[-1], next(p for p in reversed(ends) if p.rows < ends[-1].rows)
    x = np.log([max(1, p.rows) for p in points])
    rise, level = np.polyfit(x, [p.score for p in points], 1)
    straight = last.score + (last.score - before.score) / (last.rows - before.rows) * (rows - last.rows)
    return fit(points).score(rows), min(1.0, float(level + rise * np.log(max(1, rows)))), min(1.0, straight)


def _drawn(points: Sequence[Point], seed: int) -> Iterator[list[Point]]:
    """The points with scores drawn within their errors."""
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS):
        yield [Point(p.rows, float(np.clip(rng.normal(p.score, p.error), 0, 1)), p.error) for p in points]
