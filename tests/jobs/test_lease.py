"""The lease: one owner, a fence on every write, nothing for zombies."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from jobs import lease as leases
from jobs import reaper
from jobs.lease import LeaseLost
from workbench.runs import actions
from workbench.runs.models import Run, Slot

pytestmark = pytest.mark.django_db


@pytest.fixture
def slot() -> Slot:
    return Slot.objects.create(host="here", name="cpu-0", queue="gpu")


@pytest.fixture
def run(team_a, alice) -> Run:
    return actions.start_run("distill", team_a, alice, "Run", {})


@pytest.fixture
def lease(run: Run, slot: Slot) -> leases.Lease:
    found = leases.claim("gpu", slot.pk, "me")
    assert found
    return found


def test_it_claims_the_most_urgent_run_of_its_queue(team_a, alice, run: Run, slot: Slot) -> None:
    urgent = actions.start_run("distill", team_a, alice, "Urgent", {}, priority=5)
    actions.start_run("profile_dataset", team_a, alice, "Other queue", {}, priority=9)
    lease = leases.claim("gpu", slot.pk, "me")
    assert lease and lease.run_id == str(urgent.pk) and (lease.attempt, lease.fence) == (1, 1)


def test_it_waits_while_the_slot_is_held(lease, team_a, alice, slot: Slot) -> None:
    actions.start_run("distill", team_a, alice, "Next", {})
    assert leases.claim("gpu", slot.pk, "me again") is None


@pytest.mark.django_db(transaction=True)
def test_it_has_one_winner_of_eight(run: Run) -> None:
    slots = [Slot.objects.create(host="here", name=f"gpu-{n}", queue="gpu").pk for n in range(8)]
    barrier = threading.Barrier(8)

    def race(slot: int) -> leases.Lease | None:
        try:
            connection.ensure_connection()
            barrier.wait()
            return leases.claim("gpu", slot, "racer")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(found is not None for found in pool.map(race, slots)) == 1
    run.refresh_from_db()
    assert (run.attempt, run.fence) == (1, 1)


def test_it_renews_and_brings_orders_back(lease, run: Run) -> None:
    before = Run.objects.get().lease_until
    actions.pause(run)
    assert leases.heartbeat(lease, step=7) == leases.Orders("pause", "claimed")
    run.refresh_from_db()
    assert run.lease_until > before and run.last_ckpt_step == 7


def test_it_refuses_every_write_of_a_zombie(lease, run: Run) -> None:
    reaper.bury(lease, {"code": "CRASHED", "message": "gone"})
    for write in (
        lambda: leases.heartbeat(lease),
        lambda: leases.orders(lease),
        lambda: leases.change(lease, "running", "claimed"),
        lambda: leases.release(lease, "failed"),
        lambda: reaper.bury(lease, None),
    ):
        with pytest.raises(LeaseLost):
            write()
    run.refresh_from_db()
    assert (run.state, run.slot, run.fence) == ("retry_wait", None, 2)


def test_it_takes_a_lost_acknowledgement_for_done(lease) -> None:
    leases.change(lease, "running", "claimed")
    leases.change(lease, "running", "claimed")
    leases.release(lease, "failed", error={"code": "X", "message": "y"})
    leases.release(lease, "failed", error={"code": "X", "message": "y"})
    assert Run.objects.get().events.filter(type="state").count() == 4  # queued, claimed, running, failed


def test_it_reaps_only_what_was_seen_dead_twice(lease, settings) -> None:
    settings.REAP_CONFIRM_SECONDS = 0.3
    Run.objects.update(lease_until="2020-01-01T00:00:00Z")
    assert reaper.reap() == []
    assert reaper.reap() == []
    time.sleep(0.35)
    assert reaper.reap() == [(lease.run_id, "retry_wait")]


def test_it_spares_a_run_whose_heart_beats_again(lease, settings) -> None:
    settings.REAP_CONFIRM_SECONDS = 0.0
    Run.objects.update(lease_until="2020-01-01T00:00:00Z")
    reaper.reap()
    leases.heartbeat(lease)
    time.sleep(0.05)
    assert reaper.reap() == [] and Run.objects.get().reap_seen is None


def test_it_is_quiet_after_a_restart_of_the_database(lease, settings) -> None:
    settings.REAP_QUIET_SECONDS, settings.REAP_CONFIRM_SECONDS = 10**8, 0.0
    Run.objects.update(lease_until="2020-01-01T00:00:00Z")
    for _ in range(3):
        assert reaper.reap() == []


@pytest.mark.parametrize(("desired", "state"), [("cancel", "cancelled"), ("pause", "paused"), ("run", "retry_wait")])
@pytest.mark.parametrize("running", [False, True])
def test_it_gives_a_dead_run_what_was_asked_for(lease, settings, desired: str, state: str, running: bool) -> None:
    if running:
        leases.change(lease, "running", "claimed")
    settings.REAP_CONFIRM_SECONDS = 0.0
    Run.objects.update(lease_until="2020-01-01T00:00:00Z", desired=desired)
    reaper.reap()
    time.sleep(0.01)
    assert reaper.reap() == [(lease.run_id, state)]


def _crash(slot: Slot, checkpoint: int = 0) -> str:
    Run.objects.update(not_before="2020-01-01T00:00:00Z")
    lease = leases.claim("gpu", slot.pk, "me")
    assert lease
    leases.change(lease, "running", "claimed")
    return reaper.bury(lease, {"code": "CRASHED", "message": "again"}, step=checkpoint)


def test_it_quarantines_at_the_third_crash_without_progress(run: Run, slot: Slot) -> None:
    assert [_crash(slot) for _ in range(3)] == ["retry_wait", "retry_wait", "quarantined"]
    assert actions.retry(run).state == "queued"
    assert [_crash(slot) for _ in range(3)] == ["retry_wait", "retry_wait", "quarantined"]


def test_it_never_quarantines_progress(run: Run, slot: Slot) -> None:
    assert [_crash(slot, n) for n in range(1, 11)] == ["retry_wait"] * 10
    assert [_crash(slot, 10) for _ in range(2)] == ["retry_wait", "quarantined"]


def test_it_frees_the_slot_of_a_dead_owner_only(lease, slot: Slot) -> None:
    reaper.reclaim_slot(slot.pk, "me")
    assert Run.objects.get().state == "claimed"
    reaper.reclaim_slot(slot.pk, "my successor")
    assert Run.objects.get().state == "retry_wait"
