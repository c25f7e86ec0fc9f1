"""Templates on their page, over the API and as drafts."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.distill.recipe import problems
from jobs.samples.templates import TEMPLATES
from workbench.studio.models import Draft
from workbench.team.models import Membership

pytestmark = pytest.mark.django_db


def test_the_page_says_what_each_needs_and_gives(client_of: Any, alice: Any) -> None:
    page = client_of(alice).get("/studio/templates/").content.decode()
    for template in TEMPLATES.values():
        assert template.title in page and template.need[0] in page and template.get[0] in page
    assert "/studio/templates/" in client_of(alice).get("/").content.decode()


@pytest.mark.parametrize("id", TEMPLATES)
def test_a_draft_begins_with_its_recipe(id: str, client_of: Any, alice: Any) -> None:
    answer = client_of(alice).post(f"/studio/templates/{id}/")
    draft = Draft.objects.get(created_by=alice)
    assert answer.url == f"/studio/{draft.id}/" and draft.fields == TEMPLATES[id].recipe
    assert problems(draft.fields) == []


def test_changing_the_draft_leaves_the_template_alone(client_of: Any, alice: Any) -> None:
    client_of(alice).post("/studio/templates/classify/")
    draft = Draft.objects.get()
    draft.fields["student"]["adapter"]["rank"] = 4
    assert TEMPLATES["classify"].recipe["student"]["adapter"]["rank"] == 64


def test_an_unknown_one_is_not_there_and_viewers_only_read(client_of: Any, alice: Any) -> None:
    browser = client_of(alice)
    assert browser.post("/studio/templates/magic/").status_code == 404
    assert browser.get("/api/v1/templates/magic").status_code == 404
    Membership.objects.update(role="viewer")
    assert browser.get("/studio/templates/").status_code == 200
    assert browser.post("/studio/templates/classify/").status_code == 403
    assert browser.post("/api/v1/templates/classify/draft", content_type="application/json").status_code == 403


def test_the_api_lists_them_and_opens_drafts(client_of: Any, alice: Any) -> None:
    browser = client_of(alice)
    listed = browser.get("/api/v1/templates").json()
    assert [t["id"] for t in listed] == list(TEMPLATES) and listed[0]["recipe"]["method"] == "llm-neo"
    made = browser.post("/api/v1/templates/chat/draft", content_type="application/json")
    assert made.status_code == 201 and made.json()["url"] == f"/studio/{Draft.objects.get().id}/"
