from __future__ import annotations

import pytest
from pydantic import ValidationError

from jobs.distill.catalog import objective
from jobs.distill.recipe import Curve, Schedule
from jobs.distill.recipe import Term as Spec
from jobs.distill.schedules.curves import adapted, value_at
from jobs.distill.schedules.rate import rate_at
from jobs.distill.schedules.terms import curves_of, terms_at


def test_a_straight_line_meets_both_ends_and_the_middle() -> None:
    curve = Curve(start=0.4, end=1.0)
    assert [value_at(curve, s, 5) for s in (0, 2, 4)] == pytest.approx([0.4, 0.7, 1.0])


def test_it_stands_still_before_it_begins_and_after_it_ends() -> None:
    curve = Curve(start=1, end=3, begin=0.25, finish=0.5)
    assert [value_at(curve, s, 101) for s in (0, 25, 50, 100)] == pytest.approx([1, 1, 3, 3])


def test_steps_jump_at_their_places() -> None:
    curve = Curve(type="steps", start=0, points=[(0.0, 1), (0.5, 2)])
    assert [value_at(curve, s, 11) for s in (0, 4, 5, 10)] == [1, 1, 2, 2]


def test_an_adaptive_curve_rises_only_when_the_loss_is_not_better() -> None:
    curve = Curve(type="adaptive", start=0, end=0.25, rise=0.1, tolerance=0.05)
    reached, before = 0.0, None
    heard = []
    for loss in (2.0, 1.9, 1.94, 2.1, 2.2, 2.3):
        reached, before = adapted(curve, reached, before, loss), loss
        heard.append(reached)
    assert heard == pytest.approx([0, 0, 0, 0.1, 0.2, 0.25])


def test_a_curve_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValidationError, match="begins at 0.8 but ends at 0.2"):
        Curve(begin=0.8, finish=0.2)


def test_terms_follow_their_curves() -> None:
    specs = [
        Spec(
            type="skew-kl",
            options={"alpha": 0.1},
            schedule={"alpha": Curve(start=0, end=0.5), "weight": Curve(start=2, end=1)},
        )
    ]
    from jobs.distill.step import Term

    terms = [Term(objective(s), s.weight) for s in specs]
    (last,) = terms_at(terms, curves_of(specs), 9, 10, {})
    assert last.objective.options.alpha == pytest.approx(0.5) and last.weight == pytest.approx(1)
    assert terms[0].objective.options.alpha == pytest.approx(0.1)


def test_warm_up_stable_decay_stays_at_the_peak_until_the_last_tenth() -> None:
    plan = Schedule(type="wsd", warmup=10)
    rates = [rate_at(s, 100, 1.0, plan) for s in range(100)]
    assert rates[0] == pytest.approx(0.1) and set(rates[10:90]) == {1.0}
    assert rates[95] == pytest.approx(0.5) and rates[99] == pytest.approx(0.1)
