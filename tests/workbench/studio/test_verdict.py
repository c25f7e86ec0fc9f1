"""The verdict between teacher and student on the board, over the API and on the command line: the same lines."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.distill.plan.facts import ModelFacts
from jobs.distill.plan.pairing import pairing
from tests.workbench.samples import model_facts, sample_library
from workbench.library.models import Model

pytestmark = pytest.mark.django_db
PAIR = "teacher=sample/banking77-teacher&student=sample/banking77-student"


@pytest.fixture
def library() -> dict[str, Any]:
    return sample_library()


def test_each_line_on_the_board_has_a_word_and_what_to_do(library: Any, client_of: Any, alice: Any) -> None:
    Model.objects.filter(pk=library["teacher"].pk).update(
        facts=model_facts("teacher", hidden=256, layers=4, context=128, licence="llama3.1")
    )
    page = client_of(alice).get(f"/studio/?{PAIR}", follow=True).content.decode()
    assert "Context: 128 tokens." in page and "longer rows are cut or left out" in page
    assert "Licence: may train on outputs, with terms." in page and "Put Llama at the beginning" in page
    assert "https://www.llama.com/llama3_1/license/" in page


def test_a_licence_that_forbids_warns_but_lets_people_decide(library: Any, client_of: Any, alice: Any) -> None:
    Model.objects.filter(pk=library["teacher"].pk).update(
        facts=model_facts("teacher", hidden=256, layers=4, licence="tencent-hunyuan")
    )
    page = client_of(alice).get(f"/studio/?{PAIR}&dataset=sample/banking77", follow=True)
    check = page.context["check"]
    assert check.ok and "forbids" in check.verdict.headline
    assert any(p.code == "LICENCE_FORBIDS" for p in check.warnings)


def test_the_api_gives_the_engines_own_verdict(library: Any, client_of: Any, alice: Any) -> None:
    answer = client_of(alice).get(f"/api/v1/verdict?{PAIR}").json()
    facts = [ModelFacts.model_validate(library[who].facts) for who in ("student", "teacher")]
    assert answer == pairing(*facts).model_dump(mode="json")


@pytest.mark.parametrize(("teacher", "code"), [("sample/nobody", "MODEL_UNKNOWN"), ("sample/raw", "MODEL_NOT_READY")])
def test_the_api_says_which_model_is_not_there(
    library: Any, client_of: Any, alice: Any, teacher: str, code: str
) -> None:
    Model.objects.create(key="sample/raw", title="Raw", source="sample")
    answer = client_of(alice).get(f"/api/v1/verdict?teacher={teacher}&student=sample/banking77-student")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, "teacher")


def test_the_api_does_not_see_models_of_another_team(client_of: Any, charlie: Any, team_a: Any) -> None:
    sample_library(team_a)
    answer = client_of(charlie).get("/api/v1/verdict?teacher=own/banking77-teacher&student=own/banking77-student")
    assert answer.status_code == 422
