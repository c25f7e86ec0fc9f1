"""A judge that is too kind is set right by human votes."""

from __future__ import annotations

import random

import pytest

from jobs.distill.judging.calibration import affine, calibrate, isotonic, ordered_alike


def test_it_fits_a_line_and_reports_both_errors() -> None:
    draw = random.Random(0)
    votes = [draw.uniform(1, 10) for _ in range(60)]
    scores = [5 + v / 2 + draw.gauss(0, 0.2) for v in votes]
    fitted = calibrate(scores, votes, "affine")
    assert fitted.rows == 60 and fitted.before > 1.9 and fitted.after < 0.5
    assert fitted.apply(7.5) == pytest.approx(5, abs=0.3) and fitted.agreement > 0.9
    assert "before" in fitted.words and "after" in fitted.words


def test_its_isotonic_fit_is_the_pooled_one() -> None:
    at = isotonic([1, 2, 3, 4, 5], [1, 3, 2, 5, 4])
    assert [round(at(x), 6) for x in (1, 2, 3, 4, 5)] == [1, 2.5, 2.5, 4.5, 4.5]
    assert at(0) == 1 and at(9) == 4.5 and at(1.5) == pytest.approx(1.75)


def test_a_judge_that_orders_the_wrong_way_round_becomes_a_constant() -> None:
    line = affine([1, 2, 3], [3, 2, 1])
    assert line(1) == line(3) == 2
    assert ordered_alike([1, 2, 3], [3, 2, 1]) == 0


def test_too_few_votes_are_refused() -> None:
    with pytest.raises(ValueError, match="3 rows have a human vote; 10 are needed"):
        calibrate([1, 2, 3], [1, 2, 3], "affine")
