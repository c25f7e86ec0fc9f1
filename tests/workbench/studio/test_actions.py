from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from jobs.distill import recipe as recipes
from jobs.samples.catalog import RECIPE
from tests.workbench.samples import sample_library
from workbench.studio import actions, queries
from workbench.studio.models import Draft


@pytest.fixture
def library(db: None) -> dict[str, Any]:
    return sample_library()


def test_it_submits_the_same_recipe_once_per_key(library: Any, team_a: Any, alice: Any) -> None:
    key, recipe = uuid.uuid4(), recipes.parse(RECIPE)
    assert actions.submit_recipe(team_a, alice, recipe, key) == actions.submit_recipe(team_a, alice, recipe, key)


def test_it_freezes_a_recipe_that_can_be_read_again(library: Any, team_a: Any, alice: Any) -> None:
    run = actions.submit_sample(team_a, alice, uuid.uuid4())
    frozen = recipes.parse(run.spec)
    assert frozen.data.sha256 == library["version"].sha256 and frozen.teacher.sha256 == library["teacher"].sha256


def test_it_refuses_with_every_problem_and_its_field(library: Any, team_a: Any, alice: Any) -> None:
    wrong = {
        **RECIPE,
        "student": {"model": "sample/banking77-student", "adapter": {"rank": 900}},
        "teacher": {"model": "nobody/knows"},
    }
    with pytest.raises(actions.Refused) as e:
        actions.submit_recipe(team_a, alice, recipes.parse(wrong))
    fields = {p["field"] for p in e.value.as_dict()["problems"]}
    assert {"teacher.model", "student.adapter.rank"} <= fields


def test_it_names_a_run_after_what_it_does(library: Any, team_a: Any, alice: Any) -> None:
    recipe = recipes.parse({k: v for k, v in RECIPE.items() if k != "name"})
    assert actions.submit_recipe(team_a, alice, recipe).title == "LLM-Neo: Banking77 student on Banking77"


def test_it_prefers_the_teams_own_model_over_a_shared_one(library: Any, team_a: Any, team_b: Any) -> None:
    library["student"].pk, library["student"].team = None, team_a
    library["student"].save()
    fields = {"student": {"model": library["student"].key}}
    assert queries.find(team_a, fields).student.team == team_a
    assert queries.find(team_b, fields).student.team is None


def test_it_answers_a_change_within_150_milliseconds(library: Any, team_a: Any, alice: Any, client_of: Any) -> None:
    draft, browser = Draft.objects.create(team=team_a, created_by=alice, fields=RECIPE), client_of(alice)
    took = []
    for rank in (8, 9, 10, 11, 12, 13):
        start = time.thread_time()
        answer = browser.post(
            f"/studio/{draft.id}/save/", {"student.adapter.rank": rank}, headers={"HX-Request": "true"}
        )
        took.append(time.thread_time() - start)
        assert b"Start run" in answer.content
    assert min(took) < 0.15


def test_further_teachers_are_found_pinned_and_part_of_the_plan(library: Any, team_a: Any, alice: Any) -> None:
    more = {"id": "second", "model": library["teacher"].key}
    run = actions.submit_recipe(
        team_a, alice, recipes.parse({**RECIPE, "method": "baby-llama", "options": {}, "teachers": [more]})
    )
    assert recipes.parse(run.spec).teachers[0].sha256 == library["teacher"].sha256
    assert list(run.plan["verdicts"]) == ["second"]


def test_a_further_teacher_that_is_not_in_the_library_is_named_with_its_field(library: Any, team_a: Any) -> None:
    found = queries.find(team_a, {**RECIPE, "teachers": [{"id": "second", "model": "nobody/knows"}, {"id": 3}, "x"]})
    assert [p.field for p in found.problems] == ["teachers.0.model"]
