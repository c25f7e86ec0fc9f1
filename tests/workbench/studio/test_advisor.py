"""The advisor's page and API, and the picker's reasons."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.distill.catalog import SYSTEMS
from jobs.distill.plan import compiler
from tests.workbench.samples import data_facts, sample_library
from workbench.datasets.models import DatasetVersion
from workbench.studio import advisor, methods, queries
from workbench.studio.models import Draft

pytestmark = pytest.mark.django_db
FIELDS = {
    "method": "llm-neo",
    "teacher": {"model": "sample/banking77-teacher"},
    "student": {"model": "sample/banking77-student"},
    "data": {"dataset": "sample/banking77"},
}


@pytest.fixture
def library() -> dict[str, Any]:
    methods._COMPARED.clear()
    return sample_library()


@pytest.fixture
def draft(library: Any, team_a: Any, alice: Any) -> Draft:
    return Draft.objects.create(team=team_a, created_by=alice, fields=FIELDS)


def test_it_takes_from_the_draft_what_it_knows(draft: Draft, team_a: Any) -> None:
    known = advisor.known(queries.check(team_a, draft.fields))
    assert known == {
        "access": "weights",
        "tokenizer": "same",
        "rows": "thousands",
        "task": "classify",
        "check": "exact",
    }


def test_a_persons_answer_goes_before_the_drafts(draft: Draft, client_of: Any, alice: Any) -> None:
    page = client_of(alice).get(f"/studio/advice/?draft={draft.id}&task=chat&memory=large&nonsense=1")
    answers = advisor.answers(page.context["questions"])
    assert answers["task"] == "chat" and answers["access"] == "weights"
    assert page.context["first"][0].advised.id == "gkd"
    text = page.content.decode()
    assert "https://arxiv.org/abs/2306.13649" in text and "Taken from your draft." in text


def test_without_a_draft_it_asks_and_ranks_nothing(client_of: Any, alice: Any) -> None:
    page = client_of(alice).get("/studio/advice/")
    assert page.context["first"] == [] and "What kind of task is it?" in page.content.decode()


def test_one_click_takes_the_method(draft: Draft, client_of: Any, alice: Any, bob: Any) -> None:
    answer = client_of(alice).post(f"/studio/{draft.id}/use-method/", {"method": "gkd"})
    draft.refresh_from_db()
    assert answer.status_code == 302 and draft.fields["method"] == "gkd"
    assert client_of(alice).post(f"/studio/{draft.id}/use-method/", {"method": "magic"}).status_code == 404
    assert client_of(bob).post(f"/studio/{draft.id}/use-method/", {"method": "sft"}).status_code == 403


def test_a_strangers_draft_is_not_there(draft: Draft, client_of: Any, charlie: Any) -> None:
    assert client_of(charlie).get(f"/studio/advice/?draft={draft.id}").status_code == 404
    assert client_of(charlie).get("/studio/advice/?draft=7").status_code == 200


def test_the_api_ranks_and_names_wrong_answers(client_of: Any, alice: Any) -> None:
    browser = client_of(alice)
    questions = browser.get("/api/v1/advice").json()
    assert [q["id"] for q in questions] == ["access", "tokenizer", "rows", "memory", "task", "check"]

    def ask(**answers: str) -> Any:
        return browser.post(
            "/api/v1/advice", json.dumps({"answers": answers, "most": 3}), content_type="application/json"
        )

    ranked = ask(access="text", task="classify").json()
    assert ranked[0]["id"] == "seqkd" and ranked[0]["reasons"][0]["url"].startswith("https://")
    wrong = ask(task="win")
    assert wrong.status_code == 422 and "classify" in wrong.json()["hint"]


def test_the_picker_says_what_the_rows_rule_out(draft: Draft, team_a: Any) -> None:
    facts = data_facts() | {"extras": {"rejected": 0, "rationale": 0}}
    DatasetVersion.objects.update(facts=facts)
    check = queries.check(team_a, draft.fields)
    reasons = {c.system.id: c.why_not for c in methods.choices(check, "llm-neo")}
    assert "rejected answer" in reasons["zephyr-ddpo"] and "rationales" in reasons["step-by-step"]
    assert reasons["llm-neo"] == reasons["gkd"] == reasons["baby-llama"] == ""


def test_the_picker_says_what_each_costs_against_plain_fine_tuning(draft: Draft, team_a: Any) -> None:
    found = {c.system.id: c for c in methods.choices(queries.check(team_a, draft.fields), "llm-neo")}
    assert found["sft"].relative == 1.0 and found["gkd"].relative > found["llm-neo"].relative > 1
    assert "the student writes answers at its steps" in found["gkd"].cost
    assert found["baby-llama"].further == ("second",) and "called second" in found["baby-llama"].needs


def test_the_group_of_the_chosen_method_stands_open(draft: Draft, client_of: Any, alice: Any) -> None:
    page = client_of(alice).get(f"/studio/{draft.id}/")
    assert page.content.decode().count('<details class="method-group"') == len(page.context["method_groups"]) > 10
    assert [g.id for g in page.context["method_groups"] if g.is_chosen] == [SYSTEMS["llm-neo"].group]


def test_the_picker_compiles_each_plan_once_a_recipe(draft: Draft, team_a: Any, monkeypatch: Any) -> None:
    """Counted, not timed: opening the page twice, or choosing another method, compiles nothing again."""
    calls: list[str] = []

    def counting(recipe: Any, facts: Any) -> Any:
        calls.append(recipe.method)
        return compiler.compile(recipe, facts)

    monkeypatch.setattr(methods, "compile_plan", counting)
    for method in ("llm-neo", "llm-neo", "seqkd"):
        methods.choices(queries.check(team_a, {**draft.fields, "method": method}), method)
    works = [s for s in SYSTEMS.values() if s.status == "works"]
    assert len(calls) == len(works) == len(set(calls))


def test_a_second_teacher_is_picked_on_the_method_card(draft: Draft, client_of: Any, alice: Any) -> None:
    browser = client_of(alice)
    base = {"teacher.model": FIELDS["teacher"]["model"], "student.model": FIELDS["student"]["model"]}
    base |= {"data.dataset": "sample/banking77", "method": "baby-llama"}
    browser.post(f"/studio/{draft.id}/save/", base)
    assert 'name="further:second"' in browser.get(f"/studio/{draft.id}/").content.decode()
    browser.post(f"/studio/{draft.id}/save/", {**base, "further:second": "sample/banking77-teacher"})
    draft.refresh_from_db()
    assert draft.fields["teachers"] == [{"id": "second", "model": "sample/banking77-teacher"}]
    browser.post(f"/studio/{draft.id}/save/", {**base, "further:second": ""})
    draft.refresh_from_db()
    assert "teachers" not in draft.fields
