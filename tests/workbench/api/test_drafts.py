from __future__ import annotations

from typing import Any

import pytest

from jobs.samples.catalog import RECIPE
from tests.workbench.samples import sample_library
from workbench.studio.models import Draft


@pytest.fixture
def ask(client_of: Any, alice: Any) -> Any:
    """ask("POST", "/drafts", body) -> (status, answer)."""
    browser = client_of(alice)

    def send(method: str, path: str, body: Any = None, browser: Any = browser) -> tuple[int, Any]:
        more = {"data": body, "content_type": "application/json"} if method != "GET" else {}
        answer = getattr(browser, method.lower())(f"/api/v1{path}", **more)
        return answer.status_code, answer.json() if answer.content else None

    return send


def test_a_draft_from_first_to_last(ask: Any, db: None) -> None:
    sample_library()
    status, draft = ask("POST", "/drafts", {"recipe": "# why\nmethod: sft\n"})
    assert status == 201 and draft["recipe"] == {"method": "sft"} and "# why\nmethod: sft\n" in draft["yaml"]
    at = f"/drafts/{draft['id']}"
    _, draft = ask(
        "PATCH", at, {"set": {"student.model": "sample/banking77-student", "seed": 3}, "seen": draft["head"]}
    )
    assert draft["recipe"]["seed"] == 3 and "Seed from 0 (default) to 3." in draft["last_change"]
    _, draft = ask("PATCH", at, {"do": "add:stages:train"})
    assert len(draft["recipe"]["stages"]) == 2 and "added" in draft["last_change"]
    assert ask("POST", f"{at}/undo", {})[1]["recipe"]["method"] == "sft"
    assert len(ask("POST", f"{at}/redo", {})[1]["recipe"]["stages"]) == 2
    assert [c["number"] for c in ask("GET", f"{at}/history")[1]] == [2, 1, 0]
    assert ask("POST", f"{at}/check", {})[1]["missing"] == ["dataset"]
    status, refused = ask("POST", f"{at}/submit", {})
    assert status == 422 and refused["field"] == "data.dataset"
    ask("PATCH", at, {"set": {"data.dataset": "sample/banking77"}, "drop": ["seed"]})
    first, second = (ask("POST", f"{at}/submit", {}) for _ in range(2))
    assert first[0] == 201 and first[1]["number"] == second[1]["number"]
    assert ask("GET", "/drafts?mine=true")[1][0]["run"] == first[1]["number"]
    assert ask("DELETE", at)[0] == 204 and ask("GET", at)[0] == 404


def test_a_stale_change_is_refused_and_kept(ask: Any, db: None) -> None:
    _, draft = ask("POST", "/drafts", {"recipe": RECIPE})
    at = f"/drafts/{draft['id']}"
    ask("PATCH", at, {"set": {"seed": 1}, "seen": 0})
    status, refused = ask("PATCH", at, {"set": {"seed": 2}, "seen": 0})
    assert status == 409 and refused["code"] == "DRAFT_CHANGED" and "state 2" in refused["hint"]
    assert ask("GET", at)[1]["recipe"]["seed"] == 1


def test_others_make_a_copy(ask: Any, client_of: Any, bob: Any, charlie: Any, db: None) -> None:
    _, draft = ask("POST", "/drafts", {"recipe": RECIPE})
    at, bobs = f"/drafts/{draft['id']}", client_of(bob)
    assert ask("PATCH", at, {"set": {"seed": 1}}, bobs)[0] == 403
    status, copied = ask("POST", "/drafts", {"recipe": f"draft:{draft['id']}"}, bobs)
    assert status == 201 and copied["created_by"] == "bob@example.org"
    assert ask("GET", at, browser=client_of(charlie))[0] == 404
    assert Draft.objects.count() == 2


def test_it_says_what_differs(ask: Any, db: None) -> None:
    _, draft = ask("POST", "/drafts", {"recipe": RECIPE})
    status, found = ask("POST", "/recipes/diff", {"a": f"draft:{draft['id']}", "b": {**RECIPE, "seed": 4}})
    assert status == 200 and [d["words"] for d in found["differences"]] == ["Seed from 0 to 4."]
    status, wrong = ask("POST", "/recipes/diff", {"a": "method: sft\nx: [1\n", "b": RECIPE})
    assert status == 422 and wrong["message"].startswith("Line 3, column 1")
    assert ask("POST", "/recipes/diff", {"a": "draft:nobody", "b": RECIPE})[0] == 404


@pytest.mark.parametrize(
    "change", [{"set": {"stages.0.x.y": 1}}, {"set": {"name.a.0": {"b": 1}}}, {"recipe": "a: [1"}, {"set": 5}, {"seen": -1}, {"other": 1}]
)  # fmt: skip
def test_it_refuses_in_words_what_makes_no_recipe(ask: Any, db: None, change: Any) -> None:
    _, draft = ask("POST", "/drafts", {"recipe": {**RECIPE, "stages": []}})
    status, answer = ask("PATCH", f"/drafts/{draft['id']}", change)
    assert (status in (400, 422) and answer["message"]) or status == 200
    assert ask("POST", f"/drafts/{draft['id']}/check", {})[0] == 200
