"""The prompts of a stage that writes: variables and default words beside the form, wording of one's own, a preview on five rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from jobs.distill.catalog.tables import KINDS
from tests.workbench.review.desks import stored
from workbench.studio import editing
from workbench.studio.models import Draft

WRITER = KINDS["writer"]["answers"]


@pytest.fixture
def draft(team_a: Any, alice: Any, tmp_path: Path) -> Draft:
    stored(team_a, tmp_path, [(f"question {n}", "refund") for n in range(8)])
    stages = [
        {"kind": "write", "name": "ask", "writer": "answers"},
        {"kind": "train", "name": "learn", "epochs": 1, "terms": [{"type": "cross-entropy"}]},
    ]
    fields = {"student": {"model": "s"}, "teacher": {"model": "t"}, "data": {"dataset": "questions"}, "stages": stages}
    return Draft.objects.create(team=team_a, created_by=alice, fields=fields)


def test_the_page_lists_the_variables_and_the_writers_own_words(client_of, alice, draft) -> None:
    page = client_of(alice).get(reverse("studio:draft", args=[draft.id])).content.decode()
    assert "{{question}}" in page and WRITER.variables["question"] in page
    assert 'name="stages.0.prompts:name"' in page and "Preview on 5 rows" in page


def test_wording_a_prompt_begins_with_the_writers_own_words(draft) -> None:
    done = editing.edit(draft.fields, "put:stages.0.prompts", {"stages.0.prompts:name": "answer"})
    assert done.fields["stages"][0]["prompts"]["answer"]["user"] == WRITER.prompts["answer"].user


def test_the_preview_shows_what_is_typed_now_over_rows_of_the_dataset(client_of, alice, draft) -> None:
    draft.fields["stages"][0]["prompts"] = {"answer": {"user": "Old"}}
    draft.save()
    address = reverse("studio:prompts", args=[draft.id])
    long = "x" * 3000
    typed = {"stages:shown": "1", "stages.0.kind": "write", "stages.0.writer": "answers", "stages.1.kind": "train"}
    browser = client_of(alice)
    sent = typed | {"stage": "stages.0.prompts", "stages.0.prompts.answer.user": f"Say it:\r\n{{{{question}}}} {long}"}
    page = browser.post(address, sent, headers={"HX-Request": "true"}).content.decode()
    assert page.count("Say it:\nquestion ") == 5 and long in page and "<html" not in page
    draft.refresh_from_db()
    assert draft.fields["stages"][0]["prompts"]["answer"]["user"] == "Old"  # nothing was saved
    wrong = sent | {"stages.0.prompts.answer.user": "a\n{{questoin}}"}
    whole = browser.post(address, wrong).content.decode()
    assert "line 2" in whole and "questoin" in whole and "<html" in whole


def test_the_api_previews_a_stage_of_the_stored_draft(client_of, alice, charlie, draft) -> None:
    address = f"/api/v1/drafts/{draft.id}/prompts?stage="
    found = client_of(alice).get(address + "stages.0").json()
    assert len(found["questions"]) == 5 and "question 0" in found["questions"][0]["asked"][0][-1]["content"]
    assert client_of(alice).get(address + "stages.1").status_code == 422
    assert client_of(charlie).get(address + "stages.0").status_code == 404
