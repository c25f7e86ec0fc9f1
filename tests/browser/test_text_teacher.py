"""An API key and a CSV: from the endpoint to a composed recipe (write, verify, prefer, review, rounds) and its run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.text_teacher import TextRuns

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]


def test_the_run_says_what_was_made_left_out_and_asked(visit: Any, text_runs: TextRuns) -> None:
    """The recipe was composed by clicks and keys before, see text_teacher.py; its page has become the report."""
    visitor = visit(signed_in=True)
    page = visitor.page
    visitor.open(text_runs.rounds)
    made = page.get_by_role("region", name="Rows made, by stage")
    names = [row.inner_text() for row in made.locator("tbody th").all()]
    assert set(names) >= {"write", "verify", "ask 1", "verify 2 1"}
    left_out = made.locator("tbody tr", has=page.get_by_role("rowheader", name="verify", exact=True)).locator("a").first
    assert int(left_out.inner_text()) > 0, "every fourth answer of the teacher is wrong"
    assert page.get_by_role("region", name="Rounds as numbers").is_visible()
    assert page.get_by_text("Every prompt and answer").is_visible()
    left_out.click()
    page.get_by_text("no idea").first.wait_for()


def test_the_key_is_never_shown_and_the_teacher_can_be_used(visit: Any, text_runs: TextRuns) -> None:
    visitor = visit(signed_in=True)
    page = visitor.page
    visitor.open(text_runs.endpoint)
    assert "sk-newcomer" not in page.content() and page.get_by_role("link", name="Use as teacher").is_visible()
    visitor.open("/endpoints/")
    assert page.get_by_role("link", name="Writer").is_visible() and page.get_by_text("stored").is_visible()


def test_a_run_at_a_gate_says_what_to_do(visit: Any, text_runs: TextRuns) -> None:
    visitor = visit(signed_in=True)
    page = visitor.page
    visitor.open(text_runs.gate)
    assert page.get_by_text("Are these labels of the list?", exact=True).is_visible()
    assert page.get_by_role("button", name="Lay the rows out").is_visible()
