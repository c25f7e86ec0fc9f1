"""The tour: four steps, kept on the server, without JavaScript, gone when dismissed."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.studio.models import Draft, Tour
from workbench.studio.tour import STEPS

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client_of: Any, alice: Any) -> Any:
    return client_of(alice)


def studio(browser: Any) -> str:
    return browser.get("/studio/", follow=True).content.decode()  # type: ignore[no-any-return]


def test_the_first_visit_shows_the_first_step_and_no_overlay(browser: Any) -> None:
    page = studio(browser)
    assert "Step 1 of 4: Choose a pair." in page and 'role="dialog"' not in page
    assert all(f'id="{step.at}"' in page for step in STEPS)


def test_it_goes_on_and_back_and_stays_where_it_was(browser: Any, alice: Any) -> None:
    studio(browser)
    draft = Draft.objects.get()
    answer = browser.post("/studio/tour/", {"do": "next", "draft": str(draft.id)})
    assert answer.url == f"/studio/{draft.id}/#card-dataset"
    assert "Step 2 of 4" in studio(browser)
    browser.post("/studio/tour/", {"do": "back"})
    assert "Step 1 of 4" in studio(browser)


@pytest.mark.parametrize("presses", [["end"], ["next"] * 4])
def test_it_is_over_when_dismissed_or_done_for_this_person_only(
    browser: Any, client_of: Any, bob: Any, presses: list[str]
) -> None:
    studio(browser)
    for press in presses:
        browser.post("/studio/tour/", {"do": press})
    assert "Step 1 of 4" not in studio(browser) and Tour.objects.get().ended_at
    assert "Step 1 of 4" in studio(client_of(bob))
    browser.post("/studio/tour/", {"do": "again"})
    assert "Step 1 of 4" in studio(browser)


def test_with_htmx_only_the_strip_comes_back(browser: Any) -> None:
    studio(browser)
    text = browser.post("/studio/tour/", {"do": "next"}, headers={"HX-Request": "true"}).content.decode()
    assert text.startswith('<div id="tour"') and "Step 2 of 4" in text and "<html" not in text
    assert "autofocus" in text
