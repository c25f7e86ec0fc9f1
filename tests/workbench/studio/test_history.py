"""Undo, two tabs, other people: nothing that was typed is lost."""

from __future__ import annotations

import re
from typing import Any

import pytest

from jobs.samples.catalog import RECIPE
from tests.workbench.samples import sample_library
from workbench.studio import history
from workbench.studio.models import Draft


@pytest.fixture
def draft(team_a: Any, alice: Any) -> Draft:
    sample_library()
    return Draft.objects.create(team=team_a, created_by=alice, fields=RECIPE)


def tab(browser: Any, draft: Draft) -> dict[str, str]:
    """What a page sends with every change."""
    page = browser.get(f"/studio/{draft.id}/").content.decode()
    return dict(re.findall(r'name="(draft:(?:seen|tab))" value="([^"]*)"', page.partition('id="recipe"')[0]))


def rank(draft: Draft) -> Any:
    draft.refresh_from_db()
    return draft.fields["student"]["adapter"].get("rank")


def test_it_goes_back_and_forth_and_forgets_nothing(draft: Draft, client_of: Any, alice: Any) -> None:
    browser = client_of(alice)
    for value in ("8", "9"):
        browser.post(f"/studio/{draft.id}/save/", {"student.adapter.rank": value})
    browser.post(f"/studio/{draft.id}/undo/")
    assert rank(draft) == 8
    browser.post(f"/studio/{draft.id}/redo/")
    assert rank(draft) == 9
    browser.post(f"/studio/{draft.id}/undo/")
    browser.post(f"/studio/{draft.id}/undo/")
    assert draft.fields != RECIPE and rank(draft) == RECIPE["student"]["adapter"]["rank"]
    browser.post(f"/studio/{draft.id}/save/", {"student.adapter.rank": "10"})
    page = browser.get(f"/studio/{draft.id}/history/").content.decode()
    assert page.count("Undone.") == 2 and "Rank from 64 to 8." in page and "Rank from 8 to 9." in page
    browser.post(f"/studio/{draft.id}/goto/", {"state": "2"})
    assert rank(draft) == 9
    assert browser.post(f"/studio/{draft.id}/goto/", {"state": "99"}).status_code == 404


def test_undo_takes_away_what_was_typed_last(draft: Draft, client_of: Any, alice: Any) -> None:
    browser = client_of(alice)
    browser.post(f"/studio/{draft.id}/undo/", {**tab(browser, draft), "student.adapter.rank": "8"})
    assert rank(draft) == 64 and draft.changes.filter(fields__student__adapter__rank=8).exists()


def test_two_tabs_are_told_before_anything_is_overwritten(draft: Draft, client_of: Any, alice: Any) -> None:
    browser = client_of(alice)
    first, second = tab(browser, draft), tab(browser, draft)
    assert browser.post(f"/studio/{draft.id}/save/", {**first, "student.adapter.rank": "8"}).status_code == 302
    late = browser.post(f"/studio/{draft.id}/save/", {**second, "student.adapter.rank": "9", "name": "Mine"})
    text = late.content.decode()
    assert late.status_code == 409 and rank(draft) == 8
    assert (
        "both changed it" in text
        and '<td class="wrap-anywhere">9</td>' in text
        and '<td class="wrap-anywhere">8</td>' in text
    )
    assert draft.changes.get(words__startswith=history.ASIDE).fields["name"] == "Mine"
    live = browser.post(
        f"/studio/{draft.id}/save/", {**second, "student.adapter.rank": "9"}, headers={"HX-Request": "true"}
    )
    assert live.status_code == 409 and live["HX-Retarget"] == "#conflict" and b"Keep both" in live.content
    browser.post(f"/studio/{draft.id}/save/", {**second, "student.adapter.rank": "9", "draft:over": str(draft.head)})
    assert rank(draft) == 9


def test_one_page_may_save_twice_with_what_it_first_saw(draft: Draft, client_of: Any, alice: Any) -> None:
    browser = client_of(alice)
    page = tab(browser, draft)
    for value in ("8", "9"):
        assert browser.post(f"/studio/{draft.id}/save/", {**page, "student.adapter.rank": value}).status_code == 302
    assert rank(draft) == 9


@pytest.mark.parametrize("verb", ["start", "edit", "fix", "undo"])
def test_a_stale_page_neither_starts_nor_changes_anything(draft: Draft, client_of: Any, alice: Any, verb: str) -> None:
    browser = client_of(alice)
    old = tab(browser, draft)
    browser.post(f"/studio/{draft.id}/save/", {"student.adapter.rank": "8"})
    late = browser.post(f"/studio/{draft.id}/{verb}/", {**old, "do": "spell", "student.adapter.rank": "64"})
    assert late.status_code == 409 and rank(draft) == 8 and draft.run is None


def test_a_recipe_text_that_is_stale_stays_on_the_page(draft: Draft, client_of: Any, alice: Any) -> None:
    browser = client_of(alice)
    browser.post(f"/studio/{draft.id}/save/", {"student.adapter.rank": "8"})
    sent = {"recipe": "# mine\nmethod: sft\n", "draft:seen": "0"}
    late = browser.post(f"/studio/{draft.id}/recipe/", sent)
    assert late.status_code == 409 and "# mine" in late.content.decode() and rank(draft) == 8
    assert browser.post(f"/studio/{draft.id}/recipe/", sent | {"draft:over": str(draft.head)}).status_code == 302
    draft.refresh_from_db()
    assert draft.fields == {"method": "sft"} and draft.comments[0]["text"] == "# mine"


def test_others_on_the_team_read_and_copy(draft: Draft, client_of: Any, bob: Any, alice: Any) -> None:
    browser = client_of(bob)
    page = browser.get(f"/studio/{draft.id}/").content.decode()
    assert "You read a draft of" in page and '<fieldset class="board board-fields" disabled' in page
    for verb in ("save", "edit", "start", "undo", "discard", "recipe"):
        assert browser.post(f"/studio/{draft.id}/{verb}/", {"student.adapter.rank": "3"}).status_code == 403
    copied = browser.post(f"/studio/{draft.id}/copy/")
    new = Draft.objects.get(created_by=bob)
    assert copied.url == f"/studio/{new.id}/" and new.fields["student"] == draft.fields["student"] and rank(draft) == 64
    listed = browser.get("/studio/drafts/").content.decode()
    assert "alice@example.org" in listed and str(new.id) in listed


def test_strangers_see_none_of_it(draft: Draft, client_of: Any, charlie: Any) -> None:
    browser = client_of(charlie)
    for path in ("", "form/", "history/", "compare/", "recipe.yaml"):
        assert browser.get(f"/studio/{draft.id}/{path}").status_code == 404
    for verb in ("copy", "goto", "redo", "check-recipe"):
        assert browser.post(f"/studio/{draft.id}/{verb}/", {"state": "0"}).status_code == 404
    assert str(draft.id) not in browser.get("/studio/drafts/").content.decode()


def test_going_back_in_the_browser_shows_the_draft_as_it_is(draft: Draft, client_of: Any, alice: Any) -> None:
    assert "no-store" in client_of(alice).get(f"/studio/{draft.id}/")["Cache-Control"]


def test_it_keeps_the_newest_states(draft: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT", 5)
    for n in range(9):
        history.change(draft, {**draft.fields, "seed": n + 1}, history.Seen())
    assert [c.number for c in draft.changes.all()] == [9, 8, 7, 6, 5]
