"""Who waits, for what, and when it starts: the same prediction as in the studio, in the same few queries for any line."""

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.workbench import make_runs
from workbench.runs import waiting
from workbench.runs.models import Run, Slot
from workbench.studio.forecast import forecast


def queries(team):
    with CaptureQueriesContext(
        connection,
    ) as asked:
        waiting.queue(team)
    return len(asked)


def test_a_longer_line_asks_no_more_queries(team_a, alice):
    make_runs.running(team_a, alice, plan={"seconds": 100.0})
    make_runs.waiting(team_a, alice, plan={"seconds": 30.0})
    few = queries(team_a)
    for n in range(5):
        make_runs.waiting(team_a, alice, title=f"Run {n}", plan={"seconds": 30.0})
        Slot.objects.create(host="box", name=f"cpu-{n + 1}", queue="gpu", last_seen=timezone.now())
    assert queries(team_a) == few


def test_each_run_starts_when_those_before_it_have_had_their_slot(team_a, team_b, alice, charlie):
    run = make_runs.running(team_a, alice, plan={"seconds": 100.0})
    Run.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(seconds=40), progress=None)
    make_runs.waiting(team_b, charlie, title="Theirs", plan={"seconds": 30.0})
    make_runs.waiting(team_a, alice, title="Second", plan={"seconds": 600.0})
    (mine,) = waiting.queue(team_a).waiting
    assert mine["run"].title == "Second" and mine["why"] == "1 run is before it in the queue."
    assert mine["start"] in ("about 1 min 30 s", "about 90 s", "about 2 min") and 688 < forecast(1).wait_seconds < 691


def test_it_starts_now_where_a_slot_is_free_and_never_without_a_worker(team_a, alice):
    make_runs.waiting(team_a, alice)
    assert waiting.queue(team_a).waiting[0]["start"] == "no worker is connected"
    slot = Slot.objects.create(host="box", name="cpu-0", queue="gpu", last_seen=timezone.now())
    assert waiting.queue(team_a).waiting[0]["start"] == "now"
    Slot.objects.filter(pk=slot.pk).update(draining=True)
    assert waiting.queue(team_a).waiting[0]["start"] == "no worker is connected"
