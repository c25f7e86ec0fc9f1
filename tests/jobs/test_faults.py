"""Faults on real worker processes. The number at a test's end is its row of the fault matrix."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from django.db import connection

from jobs import wake
from workbench.library.models import Model
from workbench.runs import actions
from workbench.runs.models import Metric, Run, Slot

pytestmark = pytest.mark.django_db(transaction=True)


def states(run: Run) -> list[str]:
    return [e.data["to"] for e in run.events.filter(type="state").order_by("id")]


def tree_of(worker) -> list[psutil.Process]:
    """Every process below a worker."""
    return psutil.Process(worker.process.pid).children(recursive=True)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    out = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                out.append(process)
    return out


def engine_of(worker, until) -> psutil.Process:
    """The engine process itself, behind launcher and namespace."""
    return until(
        lambda: next(
            (
                p
                for p in reversed(tree_of(worker))
                if "engine.py" in " ".join(p.cmdline()) and "launcher.py" not in " ".join(p.cmdline())
            ),
            None,
        )
    )


def folder(run: Run) -> Path:
    return Path(settings.RUNS_DIR) / str(run.pk)


def is_working(run: Run):
    """True once the engine of a run has said how far it is."""

    def ask() -> bool:
        run.refresh_from_db()
        return run.state == "running" and bool(run.progress) and run.progress["done"] > 0

    return ask


def test_it_works_from_submit_to_result(submit, faulty, reaches, until) -> None:
    run = reaches(submit(steps=5), "queued")
    faulty()
    run = reaches(run, "succeeded")
    assert states(run) == ["queued", "claimed", "running", "succeeded"]
    assert Metric.objects.filter(run=run).count() == 10 and run.phase == "train"
    assert (run.slot, run.owner, run.lease_until, run.error) == (None, None, None, None)
    assert Model.objects.get(added_by_run=run).facts == {"name": "stand-in"} and run.report["attempt"] == 1
    assert list(run.artifacts.values_list("name", flat=True)) == ["engine.log"]
    assert Slot.objects.get().device["name"] == "Test"
    until(lambda: not folder(run).exists(), 10)


def test_it_starts_at_once_when_told(submit, faulty, reaches, until) -> None:
    faulty(POLL_SECONDS="60")
    until(lambda: Slot.objects.exists())
    time.sleep(1)
    began = time.monotonic()
    reaches(submit(), "succeeded")
    assert time.monotonic() - began < 8


def test_it_needs_no_broker_f04(submit, faulty, reaches, until) -> None:
    worker = faulty(CELERY_BROKER_URL="redis://127.0.0.1:1/0", POLL_SECONDS="2")
    until(lambda: Slot.objects.exists())
    began = time.monotonic()
    reaches(submit(), "succeeded")
    assert time.monotonic() - began < 10
    worker.stop()


def test_it_is_one_attempt_for_many_messages_f07(submit, faulty, reaches) -> None:
    run = submit(act="wait", steps=10)
    faulty()
    for _ in range(100):
        wake.publish(str(run.pk), "cpu")
    assert reaches(run, "succeeded").attempt == 1


def test_it_survives_the_death_of_the_engine_f01(submit, faulty, reaches, until) -> None:
    run = submit(act="wait", steps=25)
    worker = faulty()
    until(is_working(run))
    engine_of(worker, until).kill()
    run = reaches(run, "succeeded", "failed", "quarantined")
    assert (run.state, run.attempt, run.report["older"]) == ("succeeded", 2, 1)
    assert "SIGKILL" in run.events.get(type="error").data["message"]


@pytest.mark.parametrize("namespace", ["", "1"], ids=["namespace", "guard"])
def test_it_leaves_no_orphans_and_goes_on_f02_f03(submit, faulty, reaches, until, namespace: str) -> None:
    run = submit(act="family", steps=40, name="7531")
    worker = faulty(WB_NO_NAMESPACE=namespace)
    until(is_working(run))
    tree = tree_of(worker)
    assert sum("7531" in p.cmdline() for p in tree) == 2
    worker.stop(signal.SIGKILL)
    until(lambda: not alive(tree), 5)
    began = time.monotonic()
    faulty(WB_NO_NAMESPACE=namespace)
    run = reaches(run, "succeeded", "failed", "quarantined")
    assert (run.state, run.attempt) == ("succeeded", 2) and time.monotonic() - began < 25


def test_it_is_reclaimed_by_another_machine_f02(submit, faulty, reaches, until, tmp_path) -> None:
    run = submit(act="wait", steps=30)
    first = faulty(LEASE_SECONDS="2")
    until(is_working(run))
    first.stop(signal.SIGKILL)
    faulty(LEASE_SECONDS="2", WB_HOST="elsewhere")
    run = reaches(run, "succeeded", "failed", "quarantined")
    assert run.state == "succeeded" and run.attempt == 2
    assert [e.data["actor"] for e in run.events.filter(type="state", data__to="retry_wait")] == ["reaper"]


def test_it_stops_when_its_lease_is_lost_f10(submit, faulty, reaches, until) -> None:
    run = submit(act="wait", steps=60)
    frozen = faulty(LEASE_SECONDS="2")
    until(is_working(run))
    tree = tree_of(frozen)
    frozen.process.send_signal(signal.SIGSTOP)
    other = faulty(LEASE_SECONDS="2", WB_HOST="elsewhere", DATA_DIR=os.environ["DATA_DIR"])
    until(lambda: Run.objects.get(pk=run.pk).attempt == 2)
    frozen.process.send_signal(signal.SIGCONT)
    until(lambda: not alive(tree), 15)
    run = reaches(run, "succeeded", "failed", "quarantined")
    assert run.state == "succeeded" and run.report["attempt"] == 2 and run.artifacts.count() == 1
    assert set(run.artifacts.values_list("fence", flat=True)) == {run.fence} and other.process.poll() is None


def test_it_refuses_a_second_agent_on_a_slot_f08(submit, faulty, reaches, until) -> None:
    first = faulty()
    until(lambda: Slot.objects.exists())
    second = faulty()
    until(lambda: "slot is busy" in second.log.read_text())
    assert reaches(submit(), "succeeded").attempt == 1
    first.stop()
    assert reaches(submit(), "succeeded").state == "succeeded"


def test_it_quarantines_poison_after_three_attempts_f36(submit, faulty, reaches) -> None:
    run, good = submit(act="segfault"), submit(act="work")
    faulty()
    run = reaches(run, "quarantined")
    assert (
        run.attempt == 3
        and "SIGSEGV" in run.error["message"]
        and any("Segmentation" in line for line in run.error["log"])
    )
    assert reaches(good, "succeeded").attempt == 1


def test_it_never_quarantines_progress_f37(submit, faulty, reaches) -> None:
    run = submit(act="progress")
    faulty()
    run = reaches(run, "succeeded", "quarantined", seconds=60)
    assert (run.state, run.attempt, run.last_ckpt_step) == ("succeeded", 6, 5)


def test_it_ends_an_engine_that_hangs_f38(submit, faulty, reaches) -> None:
    run = submit(act="hang")
    faulty(HUNG_SECONDS="1")
    run = reaches(run, "quarantined", seconds=60)
    assert run.error["code"] == "HUNG" and any("engine.py" in line for line in run.error["log"])


def test_it_drains_on_sigterm_f44(submit, faulty, reaches, until) -> None:
    run = submit(act="wait", steps=40)
    worker = faulty(STOP_SECONDS="15")  # so that a busy machine does not make it a kill
    until(is_working(run))
    began = time.monotonic()
    worker.stop(signal.SIGTERM)
    run = reaches(run, "retry_wait")
    assert time.monotonic() - began < 20 and run.error is None and run.crashes_without_progress == 0
    faulty()
    assert reaches(run, "succeeded").attempt == 2


@pytest.mark.parametrize("act", ["wait", "deaf"])
def test_it_cancels_a_running_run_f46(submit, faulty, reaches, until, act: str) -> None:
    run = submit(act=act)
    worker = faulty()
    until(is_working(run))
    began = time.monotonic()
    actions.cancel(run)
    run = reaches(run, "cancelled")
    assert time.monotonic() - began < 8 and states(run)[-2:] == ["cancelling", "cancelled"]
    until(lambda: not alive([p for p in tree_of(worker) if "engine.py" in " ".join(p.cmdline())]), 5)


def test_it_cancels_a_run_whose_worker_is_dead_f46(submit, faulty, reaches, until) -> None:
    run = submit(act="wait")
    worker = faulty(LEASE_SECONDS="2")
    until(is_working(run))
    worker.stop(signal.SIGKILL)
    actions.cancel(run)
    faulty(LEASE_SECONDS="2", WB_HOST="elsewhere")
    assert reaches(run, "cancelled").slot is None


def test_it_pauses_and_resumes_f47(submit, faulty, reaches, until) -> None:
    run = submit(act="wait", steps=30)
    faulty()
    until(is_working(run))
    actions.pause(run)
    run = reaches(run, "paused")
    assert states(run)[-2:] == ["pausing", "paused"]
    actions.resume(run)
    assert reaches(run, "succeeded").attempt == 2


@pytest.mark.parametrize(("retry", "attempts"), [(False, 1), (True, 3)])
def test_it_tells_what_the_engine_said(submit, faulty, reaches, until, retry: bool, attempts: int) -> None:
    run = submit(act="error", retry=retry)
    faulty()
    run = reaches(run, "failed")
    assert run.error["message"] == "No rows." and run.attempt == attempts
    actions.retry(run)
    until(lambda: Run.objects.get(pk=run.pk).attempt == attempts + 1)


def test_it_caps_the_log_f53(submit, faulty, reaches) -> None:
    from workbench.runs import blobs

    run = submit(act="flood")
    faulty()
    log = blobs.read(reaches(run, "succeeded", seconds=60).artifacts.get(name="engine.log").blob_id)
    assert len(log) < 17 * 2**20 and b"bytes left out" in log and log.endswith(b"the end\n")


def test_it_goes_on_when_its_connections_are_cut_f15(submit, faulty, reaches, until) -> None:
    run = submit(act="wait", steps=60)
    faulty()
    until(is_working(run))
    for _ in range(5):
        with connection.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            )
        time.sleep(0.7)
    run = reaches(run, "succeeded")
    assert run.attempt == 1
    ns = [e["n"] for e in run.events.exclude(type="state").values_list("data", flat=True)]
    assert len(ns) == len(set(ns))


def test_it_respects_draining(submit, faulty, reaches, until) -> None:
    faulty()
    until(lambda: Slot.objects.exists())
    Slot.objects.update(draining=True)
    run = submit()
    time.sleep(2.5)
    assert reaches(run, "queued").attempt == 0
    Slot.objects.update(draining=False)
    reaches(run, "succeeded")
