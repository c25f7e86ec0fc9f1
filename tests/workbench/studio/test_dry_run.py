"""Dry runs of drafts: started once, measured, stale when the recipe changes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.workbench.samples import sample_library
from workbench.runs.models import Kind, Queue, Run, Slot, State
from workbench.runs.state import acting
from workbench.studio.models import Draft

pytestmark = pytest.mark.django_db
PAIR = {
    "teacher.model": "sample/banking77-teacher",
    "student.model": "sample/banking77-student",
    "data.dataset": "sample/banking77",
    "method": "llm-neo",
}
FOUND = {
    "seconds_per_step": 0.12, "peak_memory_bytes": 700_000_000, "seconds_estimate": 123.0, "steps": 2,
    "stages": [{"name": "distil", "seconds_per_step": 0.12, "terms": {}}], "terms": {}, "alarms": ["Loss is high."],
}  # fmt: skip


@pytest.fixture
def library() -> dict[str, Any]:
    return sample_library()


@pytest.fixture
def browser(client_of: Any, alice: Any) -> Any:
    return client_of(alice)


@pytest.fixture
def draft(library: Any, browser: Any, alice: Any) -> Draft:
    browser.get("/studio/")
    return Draft.objects.get(created_by=alice)


def press(browser: Any, draft: Draft, **extra: str) -> Any:
    return browser.post(f"/studio/{draft.id}/dry-run/", {**PAIR, **extra}, headers={"HX-Request": "true"})


def finish(run: Run, state: str = State.SUCCEEDED, **values: Any) -> None:
    slot = Slot.objects.create(host="box", name="cpu-0", queue="gpu")
    with acting("worker"):
        lease = {
            "slot": slot,
            "owner": "test",
            "lease_until": timezone.now() + timedelta(hours=1),
            "fence": 1,
            "attempt": 1,
        }
        Run.objects.filter(pk=run.pk).update(state=State.CLAIMED, **lease)
        Run.objects.filter(pk=run.pk).update(state=State.RUNNING)
        ended = {"slot": None, "owner": None, "lease_until": None, "finished_at": timezone.now()}
        Run.objects.filter(pk=run.pk).update(state=state, **ended, **values)


def test_a_press_is_one_run_of_the_frozen_recipe(browser: Any, draft: Draft, library: Any) -> None:
    first, second = press(browser, draft), press(browser, draft)
    run = Run.objects.get()
    assert (run.kind, run.queue, run.dataset_version) == (Kind.DRY_RUN, Queue.GPU, library["version"])
    assert run.spec["student"]["sha256"] == library["student"].sha256 and run.plan["stages"]
    assert "are being taken" in first.content.decode() and "are being taken" in second.content.decode()


def test_measured_figures_stand_in_the_place_of_estimates(browser: Any, draft: Draft) -> None:
    press(browser, draft)
    finish(Run.objects.get(), report=FOUND)
    text = browser.get(f"/studio/{draft.id}/").content.decode()
    assert "min 3 s, measured" in text.replace("\xa0", " ") and "Loss is high." in text
    assert "measured 668 MiB" in text.replace("\xa0", " ") or "measured 667" in text.replace("\xa0", " ")


def test_a_changed_recipe_makes_them_stale_and_its_name_does_not(browser: Any, draft: Draft) -> None:
    press(browser, draft)
    finish(Run.objects.get(), report=FOUND)
    page = browser.post(f"/studio/{draft.id}/save/", {**PAIR, "name": "Another name"}, follow=True)
    assert page.context["measured"].counts
    page = browser.post(f"/studio/{draft.id}/save/", {**PAIR, "student.adapter.rank": "8"}, follow=True)
    assert page.context["measured"].is_stale and "Stale:" in page.content.decode()
    assert "about" in page.content.decode()
    press(browser, draft, **{"student.adapter.rank": "8"})
    assert Run.objects.count() == 2


def test_the_page_asks_until_it_is_over_and_then_gets_the_summary(browser: Any, draft: Draft) -> None:
    press(browser, draft)
    waits = browser.get(f"/studio/{draft.id}/dry-run/", headers={"HX-Request": "true"})
    assert 'id="dry-run"' in waits.content.decode() and 'id="summary"' not in waits.content.decode()
    finish(Run.objects.get(), report=FOUND)
    done = browser.get(f"/studio/{draft.id}/dry-run/", headers={"HX-Request": "true"})
    assert done.headers["HX-Retarget"] == "#summary" and 'id="summary"' in done.content.decode()


def test_one_that_failed_says_why(browser: Any, draft: Draft) -> None:
    press(browser, draft)
    finish(Run.objects.get(), State.FAILED, error={"code": "X", "message": "The loss is not finite."})
    assert "The loss is not finite." in browser.get(f"/studio/{draft.id}/").content.decode()


def test_what_cannot_start_is_not_measured(browser: Any, draft: Draft) -> None:
    press(browser, draft, **{"data.dataset": ""})
    press(browser, draft, **{"train.epochs": "0"})
    assert not Run.objects.exists()


def test_it_is_not_for_others(draft: Draft, client_of: Any, bob: Any, charlie: Any) -> None:
    assert press(client_of(bob), draft).status_code == 403
    assert press(client_of(charlie), draft).status_code == 404
    assert client_of(charlie).get(f"/studio/{draft.id}/dry-run/").status_code == 404


def test_the_api_starts_one_per_key_apart_from_runs(browser: Any, library: Any) -> None:
    recipe = {
        "method": "llm-neo", "teacher": {"model": PAIR["teacher.model"]}, "student": {"model": PAIR["student.model"]},
        "data": {"dataset": PAIR["data.dataset"]},
    }  # fmt: skip

    def send(path: str) -> Any:
        return browser.post(
            f"/api/v1/{path}", json.dumps({"recipe": recipe}), content_type="application/json",
            headers={"Idempotency-Key": "one"},
        )  # fmt: skip

    first, second, run = send("dry-runs"), send("dry-runs"), send("runs")
    assert first.status_code == 201 and first.json()["id"] == second.json()["id"] != run.json()["id"]
    assert first.json()["kind"] == "dry_run"
