"""The learning curve: it finds the law it was drawn from, says how unsure it is, and its intervals hold what happens."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.distill.pipeline.curve import Point, advice, fit, predicted


def law(rows: int, floor: float = 0.1, scale: float = 4.0, power: float = 0.4) -> float:
    return 1 - floor - scale * rows**-power


def test_it_finds_the_law_behind_exact_scores() -> None:
    curve = fit([Point(n, law(n)) for n in (100, 300, 1000, 3000)])
    assert curve.score(10_000) == pytest.approx(law(10_000), abs=0.01)
    assert curve.power == pytest.approx(0.4, abs=0.1)


def test_two_points_give_an_advice_and_one_gives_none() -> None:
    assert advice([Point(500, 0.4)]) is None and advice([Point(500, 0.4), Point(500, 0.5)]) is None
    found = advice([Point(500, 0.4, 0.01), Point(1000, 0.5, 0.01)], price_a_row=0.002, currency="USD")
    assert found and found.low <= found.gain <= found.high and 0 < found.gain < 0.15
    assert found.price == pytest.approx(2.0)
    assert "The next 1,000 rows buy about +" in found.sentence and "for about 2.00 USD" in found.sentence


def test_a_flat_curve_asks_whether_to_stop() -> None:
    found = advice([Point(n, 0.7 + 0.0005 * k, 0.001) for k, n in enumerate((1000, 2000, 4000))])
    assert found and found.high < 0.01 and found.sentence.endswith("Stop?")


def test_noisier_scores_make_wider_intervals() -> None:
    rows = (200, 400, 800)
    narrow, wide = (advice([Point(n, law(n), e) for n in rows]) for e in (0.002, 0.03))
    assert narrow and wide and wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_its_intervals_hold_what_really_happens() -> None:
    """Of noisy rounds of one law, the next round's noisy score lies within the interval nine times in ten, or nearly."""
    rng, inside, n = np.random.default_rng(0), 0, 24
    for seed in range(n):
        error = 0.012
        points = [Point(r, law(r) + rng.normal(0, error), error) for r in (300, 600, 900, 1200)]
        found = predicted(points, 1600, seed)
        assert found is not None
        _, low, high = found
        inside += low <= law(1600) + rng.normal(0, error) <= high
    assert inside / n > 0.75
