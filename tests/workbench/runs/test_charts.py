"""Curves: thinning, resumes, words."""

import pytest

from tests.workbench import make_runs
from workbench.runs import charts
from workbench.runs.models import Metric


@pytest.fixture
def run(team_a, alice):
    return make_runs.running(team_a, alice)


def record(run, values, name="loss", arm="student", attempt=1, first=1):
    Metric.objects.bulk_create(
        [Metric(run=run, attempt=attempt, arm=arm, name=name, step=first + i, value=v) for i, v in enumerate(values)]
    )


def test_it_sends_a_short_curve_as_it_is(run):
    record(run, [3.0, 2.0, 1.0])
    (curve,) = charts.curves(run)
    assert (curve.x, curve.y, curve.count) == ([1, 2, 3], [3.0, 2.0, 1.0], 3)


def test_it_keeps_spikes_of_a_long_curve_at_their_own_step(run):
    values = [1.0 + (i % 7) / 100 for i in range(5000)]
    values[1234], values[4321] = 99.0, -5.0
    record(run, values)
    (curve,) = charts.curves(run)
    assert curve.count == 5000 and len(curve.x) <= charts.POINTS and curve.x == sorted(curve.x)
    assert curve.y[curve.x.index(1235)] == 99.0 and curve.y[curve.x.index(4322)] == -5.0


def test_it_counts_a_step_repeated_after_a_resume_once(run):
    record(run, [3.0, 2.0, 9.0])
    record(run, [1.5, 1.0], attempt=2, first=3)
    (curve,) = charts.curves(run)
    assert (curve.x, curve.y) == ([1, 2, 3, 4], [3.0, 2.0, 1.5, 1.0])


def test_it_leaves_out_what_is_not_finite(run):
    record(run, [1.0, float("nan"), 2.0])
    (curve,) = charts.curves(run)
    assert curve.x == [1, 3]


def test_it_names_terms_as_the_catalogue_does_and_shows_memory_in_mib(run):
    record(run, [0.5], name="loss.forward-kl")
    record(run, [3 * 2.0**20], name="memory_bytes")
    kl, memory = charts.curves(run)
    assert (
        kl.title == "Loss: Forward KL"
        and memory.shown == [3.0]
        and memory.shown_unit == "MiB"
        and memory.unit == "bytes"
    )


def test_it_aligns_arms_of_different_length(run):
    record(run, [3.0, 2.0, 1.0])
    record(run, [4.0], arm="control", first=2)
    figure = charts.figure(charts.curves(run))
    assert (
        figure["x"] == [1, 2, 3]
        and figure["series"][1]["values"] == [None, 4.0, None]
        and figure["series"][1]["role"] == "control"
    )


def test_it_says_the_loss_in_words(run):
    record(run, [3.0, 1.5])
    assert "fell from 3 to 1.5 nats per token between step 1 and step 2 (2 steps recorded)" in charts.sentence(
        charts.curves(run)
    )
