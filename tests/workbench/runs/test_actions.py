from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection

from workbench.runs import actions
from workbench.runs.models import Run


@pytest.fixture
def run(alice, team_a) -> Run:
    return actions.start_run("distill", team_a, alice, "First run", {"seed": 1})


def test_it_freezes_the_spec_and_queues(run: Run, alice) -> None:
    assert (run.state, run.queue, run.created_by, run.number > 0) == ("queued", "gpu", alice, True)
    assert run.spec_sha256 == actions.canonical({"seed": 1})
    assert [e.data["to"] for e in run.events.all()] == ["queued"]


def test_it_never_changes_a_frozen_spec(run: Run) -> None:
    with pytest.raises(DatabaseError, match="frozen"):
        Run.objects.filter(pk=run.pk).update(spec={"seed": 2})


def test_it_gives_numbers_that_grow(run: Run, alice, team_a) -> None:
    assert actions.start_run("distill", team_a, alice, "Second", {}).number > run.number


def test_it_is_one_run_for_a_double_click(run: Run, alice, team_a) -> None:
    again = actions.start_run("distill", team_a, alice, "First run", {"seed": 1}, idem_key=run.idem_key)
    assert again == run


def test_it_does_not_hand_a_run_to_another_team(run: Run, charlie, team_b) -> None:
    with pytest.raises(actions.NotPossible):
        actions.start_run("distill", team_b, charlie, "Mine", {}, idem_key=run.idem_key)


@pytest.mark.django_db(transaction=True)
def test_it_is_one_run_for_ten_parallel_clicks(alice, team_a) -> None:
    key = uuid.uuid4()

    def click(_: int) -> uuid.UUID:
        try:
            return actions.start_run("distill", team_a, alice, "Fast fingers", {}, idem_key=key).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(click, range(10)))) == 1
    assert Run.objects.count() == 1


def test_it_cancels_a_waiting_run_at_once(run: Run) -> None:
    assert actions.cancel(run).state == "cancelled"
    assert actions.cancel(run).state == "cancelled"


def test_it_pauses_resumes_and_clones(run: Run, bob) -> None:
    assert actions.pause(run).state == "paused"
    assert actions.resume(run).state == "queued"
    assert (copy := actions.clone(run, bob)).parent == run and copy.spec == run.spec and copy.pk != run.pk


def test_it_says_why_it_cannot(run: Run) -> None:
    with pytest.raises(actions.NotPossible, match="cannot be resumed: it is waiting"):
        actions.resume(run)


def test_it_submits_without_a_broker(alice, team_a, settings, monkeypatch, django_capture_on_commit_callbacks) -> None:
    from jobs import wake
    from jobs.celery_app import app

    monkeypatch.setattr(wake, "_rest_until", 0.0)
    monkeypatch.setitem(app.conf, "broker_url", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    with django_capture_on_commit_callbacks(execute=True):
        assert actions.start_run("distill", team_a, alice, "No broker", {}).state == "queued"
