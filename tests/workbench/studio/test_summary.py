"""The summary: devices, ways to need less memory, predicted start and end, what the teacher is asked; counted, not timed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.distill.plan import compiler
from jobs.distill.plan.gpus import GPUS
from tests.workbench import make_runs
from tests.workbench.samples import model_facts, sample_library
from workbench.library.models import Model
from workbench.runs.models import Run, Slot
from workbench.studio import judgement, queries
from workbench.studio.forecast import forecast
from workbench.studio.models import Draft

pytestmark = pytest.mark.django_db
GIB = 2**30
PAIR = {
    "teacher.model": "sample/banking77-teacher",
    "student.model": "sample/banking77-student",
    "data.dataset": "sample/banking77",
    "method": "llm-neo",
}
BIG = {"hidden": 4096, "layers": 32, "parameters": 7_000_000_000, "weight_bytes": 14_000_000_000}


@pytest.fixture
def library() -> dict[str, Any]:
    return sample_library()


@pytest.fixture
def browser(client_of: Any, alice: Any) -> Any:
    return client_of(alice)


@pytest.fixture
def draft(library: Any, browser: Any, alice: Any) -> Draft:
    browser.get("/studio/")
    found = Draft.objects.get(created_by=alice)
    browser.post(f"/studio/{found.id}/save/", PAIR)
    return found


@pytest.fixture
def slot(db: None) -> Slot:
    return Slot.objects.create(
        host="box", name="cpu-0", queue="gpu", last_seen=timezone.now(),
        device={"kind": "cpu", "name": "CPU", "memory_bytes": 8 * GIB, "cores": 2},
    )  # fmt: skip


def text_of(browser: Any, draft: Draft) -> str:
    return browser.get(f"/studio/{draft.id}/").content.decode()  # type: ignore[no-any-return]


def test_it_offers_the_slots_here_and_common_gpus(draft: Draft, browser: Any, slot: Slot) -> None:
    found = judgement.devices(queries.check(draft.team, queries.drafts(draft.team).get().fields))
    assert [d.id for d in found] == ["", *(g.id for g in GPUS)]
    assert "H200" in text_of(browser, draft)


def test_the_chosen_gpu_is_kept_with_the_draft_and_changes_only_the_comparison(
    draft: Draft, browser: Any, slot: Slot
) -> None:
    answer = browser.post(f"/studio/{draft.id}/device/", {"device": "t4"}, headers={"HX-Request": "true"})
    assert "On NVIDIA T4, 16 GB the run would take" in answer.content.decode()
    draft.refresh_from_db()
    assert draft.device == "t4" and "device" not in draft.fields
    browser.post(f"/studio/{draft.id}/device/", {"device": "../../etc"})
    draft.refresh_from_db()
    assert draft.device == ""


def test_what_would_need_less_is_one_click(draft: Draft, browser: Any, slot: Slot, library: Any) -> None:
    """A 7 B teacher does not fit beside the student on 14.7 GiB in float32; recording its signals first is offered."""
    Model.objects.filter(pk=library["student"].pk).update(
        facts=model_facts("student", hidden=2048, layers=24, sha256="9" * 64, parameters=3_300_000_000)
    )
    browser.post(f"/studio/{draft.id}/device/", {"device": "t4"})
    page = browser.get(f"/studio/{draft.id}/")
    against = page.context["against"]
    assert against.plan.memory_bytes > 0.9 * against.plan.device_bytes and against.savings
    sizes = [s.memory_bytes for s in against.savings]
    assert all(0 < n < against.plan.memory_bytes for n in sizes)
    saving = next(s for s in against.savings if s.fix.field == "student.adapter.rank")
    browser.post(f"/studio/{draft.id}/fix/", {**PAIR, "fix": saving.fix.model_dump_json()})
    draft.refresh_from_db()
    assert draft.fields["student"]["adapter"]["rank"] == saving.fix.value == 8


def test_the_predicted_start_follows_the_queue(draft: Draft, slot: Slot, team_a: Any, alice: Any) -> None:
    assert forecast(60).ahead == 0 and forecast(60).wait_seconds < 1
    run = make_runs.running(team_a, alice, plan={"seconds": 100.0})
    Run.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(seconds=40), progress=None)
    make_runs.waiting(team_a, alice, title="before me", plan={"seconds": 30.0})
    found = forecast(60)
    assert found.ahead == 1 and found.wait_seconds == pytest.approx(90, abs=3)
    assert found.starts and found.ends and (found.ends - found.starts).total_seconds() == pytest.approx(60)


def test_without_a_slot_nothing_is_predicted(draft: Draft, browser: Any) -> None:
    assert forecast(60).starts is None
    assert "No worker is connected" in text_of(browser, draft)


def test_it_shows_what_the_teacher_is_asked_and_the_rows(draft: Draft, browser: Any, slot: Slot) -> None:
    text = text_of(browser, draft)
    plan = queries.check(draft.team, Draft.objects.get().fields).plan
    assert plan and plan.teacher.read_tokens > plan.teacher.written_tokens > 0
    assert f"{plan.teacher.written_tokens:,} tokens" in text and "no fee: it runs here" in text
    assert f"{plan.rows.train:,} rows" in text


def test_a_change_costs_two_compiles_at_most_and_few_queries(
    draft: Draft, browser: Any, slot: Slot, monkeypatch: Any
) -> None:
    """The 150 ms of a change are kept by counting: a compile takes about 2 ms, a query about 1 ms."""
    calls: list[int] = []

    def counting(recipe: Any, facts: Any, **more: Any) -> Any:
        calls.append(1)
        return compiler.compile(recipe, facts, **more)

    monkeypatch.setattr(queries, "compile_plan", counting)
    monkeypatch.setattr(judgement, "compile_plan", counting)
    browser.post(f"/studio/{draft.id}/device/", {"device": "a100-80"})
    calls.clear()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        answer = browser.post(
            f"/studio/{draft.id}/save/", {**PAIR, "student.adapter.rank": "8"}, headers={"HX-Request": "true"}
        )
    assert answer.status_code == 200 and len(calls) <= 2
    assert len(asked) <= 60
