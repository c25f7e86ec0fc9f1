"""The database refuses every illegal change, whoever asks."""

from __future__ import annotations

import itertools

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from workbench.runs.models import ACTIVE, Run, RunEvent, Slot, State
from workbench.runs.state import LEGAL, acting, transitions

pytestmark = pytest.mark.django_db


def _in(state: str, team) -> Run:
    held = {}
    if state in ACTIVE:
        slot, _ = Slot.objects.get_or_create(host="h", name="n", defaults={"queue": "gpu"})
        held = {"slot": slot, "owner": "o", "lease_until": timezone.now()}
    return Run.objects.create(
        team=team, kind="distill", title="t", queue="gpu", spec={}, spec_sha256="", state=state, **held
    )


def _move(run: Run, state: str, actor: str) -> None:
    held = {
        "slot": run.slot or Slot.objects.get_or_create(host="h", name="n", defaults={"queue": "gpu"})[0],
        "owner": "o",
        "lease_until": timezone.now(),
    }
    with acting(actor):
        Run.objects.filter(pk=run.pk).update(state=state, **(held if state in ACTIVE else dict.fromkeys(held)))


@pytest.mark.parametrize("start", State.values)
def test_it_allows_exactly_the_legal_changes(start: str, team_a) -> None:
    legal = set(transitions())
    for end, actor in itertools.product(State.values, ("user", "worker", "reaper", "")):
        if end == start:
            continue
        run = _in(start, team_a)
        try:
            with transaction.atomic():
                _move(run, end, actor)
        except DatabaseError as error:
            assert error.__cause__.sqlstate == "WB001"
            assert (start, end, actor) not in legal
        else:
            assert (start, end, actor) in legal
        run.delete()


def test_it_has_the_same_table_in_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select f, t, actor from runs_legal")
        assert set(cursor.fetchall()) == set(transitions())
    assert set(LEGAL) == set(State.values)


def test_it_writes_history(team_a) -> None:
    run = _in("queued", team_a)
    _move(run, "paused", "user")
    assert [e.data for e in run.events.order_by("id")] == [
        {"from": None, "to": "queued", "actor": "user"},
        {"from": "queued", "to": "paused", "actor": "user"},
    ]


def test_it_never_lets_the_fence_go_back(team_a) -> None:
    run = _in("queued", team_a)
    Run.objects.filter(pk=run.pk).update(fence=5)
    with pytest.raises(DatabaseError, match="fence"), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(fence=4)


def test_it_holds_a_lease_exactly_while_active(team_a) -> None:
    for state in (State.RUNNING, State.QUEUED):
        with pytest.raises(DatabaseError), transaction.atomic():
            held = (
                {"owner": "o"}
                if state == State.RUNNING
                else {
                    "owner": "o",
                    "lease_until": timezone.now(),
                    "slot": Slot.objects.create(host="x", name="y", queue="gpu"),
                }
            )
            Run.objects.create(
                team=team_a, kind="distill", title="t", queue="gpu", spec={}, spec_sha256="", state=state, **held
            )


def test_it_puts_one_run_on_a_slot(team_a) -> None:
    _in("running", team_a)
    with pytest.raises(DatabaseError, match="one_run_per_slot"), transaction.atomic():
        _in("running", team_a)


def test_it_puts_the_outer_actor_back(team_a) -> None:
    run = _in("queued", team_a)
    with acting("user"):
        with acting("reaper"):
            pass
        Run.objects.filter(pk=run.pk).update(state="paused")
    assert RunEvent.objects.latest("id").data["actor"] == "user"
