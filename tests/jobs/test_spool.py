"""From events.jsonl into the tables: every event once, whatever the engine wrote and the network did."""

from __future__ import annotations

import json

import pytest

from jobs import lease as leases
from jobs import reaper
from jobs.lease import LeaseLost
from jobs.spool import Spool
from workbench.runs import actions
from workbench.runs.models import Metric, Run, Slot

pytestmark = pytest.mark.django_db


@pytest.fixture
def lease(team_a, alice) -> leases.Lease:
    slot = Slot.objects.create(host="here", name="cpu-0", queue="gpu")
    actions.start_run("distill", team_a, alice, "Run", {})
    found = leases.claim("gpu", slot.pk, "me")
    assert found
    return found


def write(folder, *lines: object, end: str = "\n") -> None:
    with (folder / "events.jsonl").open("a") as file:
        file.write("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines) + end)


def texts() -> list[str]:
    return [e.data.get("message", "") for e in Run.objects.get().events.filter(type="log").order_by("id")]


def log(message: str) -> dict:
    return {"type": "log", "at": 1.5e9, "level": "info", "message": message}


def test_it_brings_every_event_once(lease, tmp_path) -> None:
    spool = Spool(lease, tmp_path)
    assert spool.flush() is None
    write(tmp_path, log("one"), log("two"))
    assert spool.flush() == leases.Orders("run", "claimed") and spool.flush() is None
    write(tmp_path, log("three"))
    spool.flush()
    assert texts() == ["one", "two", "three"]


def test_it_writes_nothing_twice_after_a_lost_acknowledgement(lease, tmp_path) -> None:
    spool = Spool(lease, tmp_path)
    write(tmp_path, log("one"))
    spool.flush()
    write(tmp_path, log("two"))
    forgetful = Spool(lease, tmp_path)  # does not know that "one" arrived
    forgetful.flush()
    assert texts() == ["one", "two"]


def test_it_waits_for_the_rest_of_a_torn_line(lease, tmp_path) -> None:
    spool = Spool(lease, tmp_path)
    write(tmp_path, log("one"), '{"type": "log", "mess', end="")
    spool.flush()
    write(tmp_path, 'age": "two"}')
    spool.flush()
    assert texts() == ["one", "two"]


def test_it_keeps_finite_numbers_and_drops_the_rest(lease, tmp_path) -> None:
    write(
        tmp_path,
        {"type": "metric", "step": 1, "values": {"loss": 0.5, "bad": "nan", "n": 3}},
        '{"type":"metric","step":2,"values":{"loss":NaN,"big":1e400}}',
    )
    Spool(lease, tmp_path).flush()
    assert set(Metric.objects.values_list("name", "step", "value")) == {("loss", 1, 0.5), ("n", 1, 3.0)}


@pytest.mark.parametrize("line", ["not json", "[1]", "{}", '"text"', "1" * 300_000, '{"type": 5}', "[" * 100_000])
def test_it_steps_over_nonsense(lease, tmp_path, line: str) -> None:
    write(tmp_path, log("before"), line, log("after"))
    Spool(lease, tmp_path).flush()
    assert texts() == ["before", "after"]


def test_it_survives_text_that_postgres_cannot_hold(lease, tmp_path) -> None:
    write(tmp_path, '{"type": "log", "message": "a\\u0000b\\ud800"}')
    Spool(lease, tmp_path).flush()
    assert texts()[0].startswith("a\N{REPLACEMENT CHARACTER}b")


def test_it_shows_the_newest_progress_and_phase(lease, tmp_path) -> None:
    write(
        tmp_path,
        {"type": "phase", "phase": "train", "total": 9},
        {"type": "progress", "done": 4, "total": 9, "unit": "steps", "rate": 2.0, "eta": 2.5, "phase": "train"},
    )
    Spool(lease, tmp_path).flush()
    run = Run.objects.get()
    assert (run.phase, run.progress["done"], run.progress["eta"]) == ("train", 4, 2.5)


def test_it_counts_different_checkpoints_as_progress(lease, tmp_path) -> None:
    mark = {"type": "checkpoint", "step": 5, "stage": "student", "folder": "c", "sha256": "x"}
    write(tmp_path, mark, mark, {**mark, "stage": "control"})
    Spool(lease, tmp_path).flush()
    assert Run.objects.get().last_ckpt_step == 2


def test_it_writes_nothing_for_a_zombie(lease, tmp_path) -> None:
    write(tmp_path, log("late"))
    reaper.bury(lease, {"code": "CRASHED", "message": "gone"})
    with pytest.raises(LeaseLost):
        Spool(lease, tmp_path).flush()
    assert texts() == []
