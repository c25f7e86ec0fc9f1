from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.utils import timezone

from jobs.distill.catalog import SYSTEMS
from tests.workbench.samples import model_facts, sample_library
from workbench.runs.models import Run, Slot
from workbench.studio.models import Draft

PAIR = {
    "teacher.model": "sample/banking77-teacher",
    "student.model": "sample/banking77-student",
    "data.dataset": "sample/banking77",
}


@pytest.fixture
def library(db: None) -> dict[str, Any]:
    return sample_library()


@pytest.fixture
def browser(client_of: Any, alice: Any) -> Any:
    return client_of(alice)


@pytest.fixture
def draft(browser: Any, alice: Any) -> Draft:
    browser.get("/studio/")
    return Draft.objects.get(created_by=alice)


def post(browser: Any, draft: Draft, verb: str, **extra: Any) -> Any:
    return browser.post(f"/studio/{draft.id}/{verb}/", {**PAIR, "method": "llm-neo", **extra})


def test_it_opens_one_untouched_draft_not_one_per_visit(browser: Any, draft: Draft) -> None:
    again = browser.get("/studio/")
    assert again.url == f"/studio/{draft.id}/"
    assert Draft.objects.count() == 1


def test_it_says_what_to_choose_next(library: Any, browser: Any, draft: Draft) -> None:
    page = browser.get(f"/studio/{draft.id}/").content.decode()
    assert "Choose a teacher</a>" in page and "Start run" not in page


def test_it_fills_in_what_the_address_names(library: Any, browser: Any) -> None:
    page = browser.get("/studio/?method=sft&student=sample/banking77-student", follow=True)
    assert page.context["check"].label == "Choose a dataset"


def test_it_saves_the_draft_and_answers_with_the_plan(library: Any, browser: Any, draft: Draft) -> None:
    answer = browser.post(f"/studio/{draft.id}/save/", PAIR, headers={"HX-Request": "true"})
    text = answer.content.decode()
    assert "Start run" in text and "held-out rows" in text and "<html" not in text
    draft.refresh_from_db()
    assert draft.fields["teacher"] == {"model": "sample/banking77-teacher"}


def test_it_works_without_javascript(library: Any, browser: Any, draft: Draft) -> None:
    saved = post(browser, draft, "save")
    assert saved.status_code == 302
    page = browser.get(saved.url.partition("#")[0]).content.decode()
    assert 'formaction="' in page and "Start run" in page


def test_it_starts_one_run_for_a_double_click(library: Any, browser: Any, draft: Draft) -> None:
    first, second = post(browser, draft, "start"), post(browser, draft, "start")
    assert first.url == second.url
    run = Run.objects.get()
    assert first.url == f"/runs/{run.id}/"
    assert run.spec["student"]["sha256"] == library["student"].sha256 and run.spec["data"]["version"] == 1
    assert run.dataset_version == library["version"] and run.plan["recipe_sha256"]


def test_it_gives_a_changed_draft_a_run_of_its_own(library: Any, browser: Any, draft: Draft) -> None:
    post(browser, draft, "start")
    post(browser, draft, "start", **{"student.adapter.rank": "8"})
    assert sorted(r.spec["student"]["adapter"]["rank"] for r in Run.objects.all()) == [8, 16]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("train.learning_rate", "0", "more than 0, up to 1"),
        ("train.epochs", "1000000000", "up to 10,000"),
        ("train.epochs", "NaN", "Epochs"),
        ("train.batch_size", "5,000", "Rows per optimizer step"),
        ("student.adapter.rank", "１２", "Rank"),
        ("student.adapter.rank", "500", "128"),
        ("options.k", "2", "between 0 and 1"),
        ("seed", "1e309", "Seed"),
    ],
)
def test_it_refuses_a_bad_number_with_the_range(
    library: Any, browser: Any, draft: Draft, field: str, value: str, says: str
) -> None:
    answer = post(browser, draft, "start", **{field: value})
    assert answer.status_code == 422 and not Run.objects.exists()
    assert any(says in p.message for p in answer.context["refused"])


def test_it_repairs_a_problem_with_one_click(library: Any, browser: Any, draft: Draft) -> None:
    post(
        browser,
        draft,
        "fix",
        **{"student.adapter.rank": "500", "fix": '{"field": "student.adapter.rank", "value": 128}'},
    )
    draft.refresh_from_db()
    assert draft.fields["student"]["adapter"]["rank"] == 128


def test_it_says_which_methods_remain_with_another_tokenizer(library: Any, browser: Any, draft: Draft) -> None:
    library["teacher"].facts = model_facts("teacher", hidden=256, layers=4, vocabulary="b" * 64)
    library["teacher"].save()
    answer = post(browser, draft, "start")
    assert answer.status_code == 422
    usable = {m.system.id for m in answer.context["methods"] if not m.why_not}
    assert {"sft", "seqkd", "alm", "uld"} <= usable
    assert not [m for m in usable if SYSTEMS[m].needs.same_vocabulary]


def test_it_hides_drafts_and_models_of_another_team(
    library: Any, draft: Draft, client_of: Any, charlie: Any, team_a: Any
) -> None:
    sample_library(team_a)
    stranger = client_of(charlie)
    for verb in ("", "save/", "start/", "recipe.yaml"):
        call = stranger.get if verb in ("", "recipe.yaml") else stranger.post
        assert call(f"/studio/{draft.id}/{verb}").status_code == 404
        assert call(f"/studio/{uuid.uuid4()}/{verb}").status_code == 404
    page = stranger.get("/studio/?teacher=own/banking77-teacher", follow=True)
    assert any("no model 'own/banking77-teacher'" in p.message for p in page.context["check"].refusals)
    assert "own/banking77-student" not in page.content.decode()


def test_it_ignores_fields_that_are_no_part_of_a_recipe(library: Any, browser: Any, draft: Draft) -> None:
    post(browser, draft, "start", state="succeeded", team_id="2", fence="99", is_admin="1")
    assert Run.objects.get().state == "queued"


def test_it_shows_text_of_people_literally(library: Any, browser: Any, draft: Draft) -> None:
    post(browser, draft, "save", name='"><script>alert(1)</script>{{7*7}}')
    page = browser.get(f"/studio/{draft.id}/").content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in page


def test_it_lets_viewers_look_but_not_change(library: Any, client_of: Any, alice: Any, draft: Draft) -> None:
    alice.memberships.update(role="viewer")
    viewer = client_of(alice)
    assert viewer.get(f"/studio/{draft.id}/").status_code == 200
    assert viewer.post(f"/studio/{draft.id}/start/", PAIR).status_code == 403


def test_it_says_how_many_runs_start_before(library: Any, browser: Any, draft: Draft, team_b: Any) -> None:
    Slot.objects.create(
        host="box", name="cpu-0", queue="gpu", device={"kind": "cpu", "name": "CPU"}, last_seen=timezone.now()
    )
    Run.objects.create(
        team=team_b, kind="distill", title="Secret", queue="gpu", spec={}, spec_sha256="0" * 64, state="queued"
    )
    post(browser, draft, "save")
    text = browser.get(f"/studio/{draft.id}/").content.decode()
    assert "after 1 waiting run" in text and "Secret" not in text


@pytest.mark.parametrize("text", ["a\0b", "x" * 5000, "..", "\r\n", "\u202e"])
def test_it_survives_any_text_in_any_field(library: Any, browser: Any, draft: Draft, text: str) -> None:
    for field in ("name", "method", "teacher.model", "data.version", "student.adapter.targets", "train.epochs"):
        assert post(browser, draft, "save", **{field: text}).status_code == 302
        assert browser.get(f"/studio/{draft.id}/").status_code == 200
    assert browser.get("/studio/", {"method": text}, follow=True).status_code == 200


@pytest.mark.parametrize(
    "fix",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"field": "a.b.c", "value": {"x": [1]}}',
        '{"field": "name", "value": "\\u0000"}',
        '{"field": "student", "value": 1}',
        '{"field": "stages.0", "value": NaN}',
    ],
)
def test_it_survives_any_fix(library: Any, browser: Any, draft: Draft, fix: str) -> None:
    assert post(browser, draft, "fix", fix=fix).status_code == 302
    assert browser.get(f"/studio/{draft.id}/").status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        'name: "a\\0b"',
        "name: 2026-01-01",
        "seed: .nan",
        "1: 2",
        "student: [1, 2]",
        "stages: 7",
        "teacher: 3\ndata: x",
        "options: {k: {a: 1}}",
        "",
        "&a [*a]",
    ],
)
def test_it_survives_any_recipe_text(library: Any, browser: Any, draft: Draft, text: str) -> None:
    assert browser.post(f"/studio/{draft.id}/recipe/", {"recipe": text}).status_code in (302, 422)
    assert browser.get(f"/studio/{draft.id}/").status_code == 200
    assert browser.post(f"/studio/{draft.id}/save/", {"student.adapter.rank": "4"}).status_code == 302


def test_it_asks_again_by_itself_while_the_rows_are_being_measured(
    browser: Any, draft: Draft, library: dict[str, Any]
) -> None:
    from workbench.datasets.models import DatasetVersion

    DatasetVersion.objects.update(facts=None)
    page = browser.post(
        f"/studio/{draft.id}/save/", {**PAIR, "method": "llm-neo"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "still being measured" in page
    assert "load delay:2s" in page
    assert "Fix 1 problem" not in page
