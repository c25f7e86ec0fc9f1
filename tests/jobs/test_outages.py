"""The database freezes, restarts, disappears; a real Redis dies with all its data. Minutes long."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time

import pytest
from django.db import connection

from jobs import deadline
from jobs.deadline import Caller, DatabaseSilent
from workbench.runs.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


def backends() -> list[int]:
    """Server processes of everybody but us."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        )
        return [pid for (pid,) in cursor.fetchall()]


def test_it_gives_up_waiting_for_a_silent_database() -> None:
    caller, release = Caller("test"), threading.Event()
    began = time.monotonic()
    with pytest.raises(DatabaseSilent):
        caller(release.wait, 0.3)
    assert time.monotonic() - began < 2 and caller(lambda: "alive", 5) == "alive"
    release.set()
    caller.close()


def test_it_hands_over_what_a_call_raises() -> None:
    caller = Caller("test")
    with pytest.raises(ZeroDivisionError):
        caller(lambda: 1 // 0)
    with pytest.raises(TimeoutError) as error:
        caller(lambda: (_ for _ in ()).throw(TimeoutError("its own")))
    assert not isinstance(error.value, deadline.DatabaseSilent)
    caller.close()


@pytest.mark.slow
def test_it_goes_on_while_the_database_is_frozen_f16(submit, faulty, reaches, until) -> None:
    run = submit(act="wait", steps=250)
    faulty(LEASE_SECONDS="60")
    until(lambda: Run.objects.get(pk=run.pk).progress)
    frozen = backends()
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(12)  # longer than the supervisor's own deadline: it has a new connection by now
        before = Run.objects.get(pk=run.pk).progress["done"]
        until(lambda: Run.objects.get(pk=run.pk).progress["done"] > before, 20)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    run = reaches(run, "succeeded", "failed", "quarantined", seconds=90)
    assert (run.state, run.attempt) == ("succeeded", 1)
    numbers = [e["n"] for e in run.events.exclude(type="state").values_list("data", flat=True)]
    assert len(numbers) == len(set(numbers))


@pytest.mark.slow
def test_it_loses_nothing_when_redis_dies_with_its_data_f05(
    submit, faulty, reaches, until, tmp_path, free_port
) -> None:
    server = shutil.which("redis-server")
    if not server:
        pytest.fail("redis-server is not installed: apt-get install redis-server")
    command = [
        server,
        "--port",
        str(free_port),
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(tmp_path),
        "--bind",
        "127.0.0.1",
    ]
    redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        worker = faulty(CELERY_BROKER_URL=f"redis://127.0.0.1:{free_port}/0", POLL_SECONDS="2")
        until(lambda: "ready." in worker.log.read_text())
        first = submit(act="wait", steps=40)
        until(lambda: Run.objects.get(pk=first.pk).progress)
        redis.kill()
        redis.wait()
        second = submit(act="work")
        assert [reaches(r, "succeeded", seconds=60).attempt for r in (first, second)] == [1, 1]
        redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        assert reaches(submit(), "succeeded", seconds=60).attempt == 1
    finally:
        redis.kill()
        redis.wait()
