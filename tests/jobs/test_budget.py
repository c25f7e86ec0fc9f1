"""A run whose budget is spent stands still with what is there, and goes on with a higher cap. On a real worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.conf import settings

from workbench.endpoints import actions as endpoints
from workbench.endpoints import queries
from workbench.runs import actions
from workbench.runs.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


def states(run: Run) -> list[str]:
    return [e.data["to"] for e in run.events.filter(type="state").order_by("id")]


def test_a_spent_budget_pauses_by_legal_states_and_a_person_sends_it_on(submit, faulty, reaches) -> None:
    run = submit(act="spent")
    faulty()
    reaches(run, "paused")
    assert states(run)[-3:] == ["running", "pausing", "paused"]
    assert run.error["code"] == "BUDGET_SPENT" and run.slot_id is None and run.desired == "run"
    actions.resume(run)
    reaches(run, "succeeded")
    assert run.attempt == 2 and run.error is None


def test_a_spent_budget_and_a_cancel_end_cancelled(submit, faulty, reaches) -> None:
    run = submit(act="spent")
    faulty()
    reaches(run, "paused")
    actions.cancel(run)
    assert reaches(run, "cancelled") and not queries.spent_out(run)


def test_the_key_of_an_endpoint_reaches_only_the_childs_environment(team_a, alice, faulty, reaches) -> None:
    """The stand-in tells which variables it was given and how long they are; its folder stays, because it ends badly."""
    canary = "sk-canary-77aa55"
    row = endpoints.add(team_a, alice, "Big", {"url": "https://api.example.org/v1", "model": "m"}, {}, canary)
    run = endpoints.test(row, alice)
    faulty()
    reaches(run, "failed")
    told = json.loads(run.error["message"])
    assert told["keys"] == {f"WB_ENDPOINT_{row.pk.hex.upper()}_API_KEY": len(canary)}
    assert told["ledger"].endswith(f"ledger/{team_a.pk}")
    files = [p for p in (Path(settings.RUNS_DIR) / str(run.pk)).rglob("*") if p.is_file()]
    assert {"params.json", "error.json", "engine.log"} <= {p.name for p in files}
    assert not [p for p in files if canary.encode() in p.read_bytes()]
    assert canary not in str(list(run.events.values_list("data"))) and canary not in str(run.spec)
