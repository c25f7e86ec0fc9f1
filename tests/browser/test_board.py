"""The board by keyboard only, a recipe with an error at the right line, and a refresh in the middle of it all."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SAMPLE = "/studio/?teacher=sample/banking77-teacher&student=sample/banking77-student&dataset=sample/banking77&method="


def names(page: Any) -> list[str]:
    return [text.split(" ", 1)[1] for text in page.locator(".stage-name").all_inner_texts()]


def said(page: Any, text: str) -> None:
    """The live region says it, politely, and the board has been drawn anew."""
    page.locator("#board-said", has_text=text).wait_for(state="attached")


def test_the_board_by_keyboard_only(visit: Any) -> None:
    visitor = visit(signed_in=True)
    page, key = visitor.page, visitor.page.keyboard
    visitor.open(SAMPLE + "sft")
    assert names(page) == ["fine-tune"]
    page.locator(".stage-card").focus()
    key.press("+")
    page.get_by_role("button", name="Select", exact=False).and_(page.locator(":visible")).first.focus()
    key.press("Enter")
    said(page, "select rows (select), was added.")
    assert (
        names(page) == ["fine-tune", "select rows"] and page.evaluate("document.activeElement.id") == "card-f-stages-1"
    )
    key.press("Shift+ArrowLeft")
    said(page, "Stage select rows moved from place 2 to 1 of 2.")
    assert (
        names(page) == ["select rows", "fine-tune"] and page.evaluate("document.activeElement.id") == "card-f-stages-0"
    )
    key.press("F2")
    assert page.evaluate("document.activeElement.name") == "stages.0.name"
    key.press("Control+A")
    key.type("best half")
    with page.expect_response(lambda r: r.url.endswith("/save/")):
        key.press("Tab")
    page.locator(".board-last", has_text="to best half.").wait_for()
    page.reload()
    assert names(page) == ["best half", "fine-tune"]
    page.locator(".stage-card").first.focus()
    key.press("Delete")
    said(page, "best half (select), was removed.")
    assert names(page) == ["fine-tune"]
    with page.expect_navigation():
        key.press("Control+z")
    assert names(page) == ["best half", "fine-tune"] and page.locator("#messages").inner_text().startswith("Undone")


def test_a_stage_is_dragged_to_another_place(visit: Any) -> None:
    visitor = visit(signed_in=True)
    page = visitor.page
    visitor.open(SAMPLE + "llm-neo")
    a, b = (page.locator(".stage-card").nth(n).bounding_box() for n in (0, 1))
    page.mouse.move(a["x"] + 100, a["y"] + 70)
    page.mouse.down()
    page.mouse.move(a["x"] + 140, a["y"] + 72, steps=4)
    page.mouse.move(b["x"] + 160, b["y"] + 70, steps=10)
    page.mouse.up()
    said(page, "moved from place")
    assert names(page) == ["distil", "teacher answers"]


def test_an_error_in_the_text_stands_at_its_line(visit: Any) -> None:
    visitor = visit(signed_in=True)
    page = visitor.page
    visitor.open(SAMPLE + "minillm")
    page.get_by_text("Show recipe").click()
    box = page.locator("#recipe-text")
    box.fill("# mine\n" + box.input_value() + "train:\n  epochs: -4\n")
    lines = box.input_value().splitlines()
    link = page.locator("#recipe-problems a").first
    link.wait_for()
    assert link.inner_text() == f"Line {lines.index('  epochs: -4') + 1}, column 3"
    link.click()
    assert box.evaluate("t => t.value.slice(t.selectionStart, t.selectionEnd)") == "epochs: -4"
    box.fill(box.input_value().replace("-4", "2"))
    page.get_by_text("The text is a recipe.").wait_for()
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("The recipe was taken over.").wait_for()
    assert page.get_by_label("Epochs", exact=True).input_value() == "2"
    assert box.input_value().startswith("# mine\n")


def test_a_sign_out_in_the_middle_loses_nothing(visit: Any, workbench: Any) -> None:
    visitor = visit(signed_in=True)
    page = visitor.page
    visitor.open(SAMPLE + "gkd")
    page.context.clear_cookies()
    field = page.get_by_label("Epochs", exact=True)
    field.fill("7")
    field.blur()
    page.get_by_text("You are signed out. What you typed stays on this page.").wait_for()
    page.locator("#signed-out").get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail").fill(workbench.email)
    page.get_by_label("Password", exact=True).fill(workbench.password)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".board-last", has_text="Epochs").wait_for()
    page.reload()
    assert page.get_by_label("Epochs", exact=True).input_value() == "7"
    visitor.complaints = [c for c in visitor.complaints if "401" not in c and "403" not in c]


def test_the_methods_are_found_by_group_and_by_word(visit: Any) -> None:
    visitor = visit(signed_in=True)
    page = visitor.page
    visitor.open(SAMPLE + "gkd")
    page.get_by_text("Compare all", exact=False).click()
    opened = page.locator(".method-group[open] h3")
    shown = page.locator(".method:visible strong")
    assert len(opened.all_inner_texts()) == 1 and "GKD, on-policy" in "".join(shown.all_inner_texts())
    page.get_by_role("navigation", name="Groups of methods").get_by_role("link", name="Tools").click()
    assert page.locator("#group-tools[open] .method").first.is_visible()
    box = page.get_by_label("Search", exact=True)
    box.fill("reasoning light-r1")
    assert (
        "Light-R1, curriculum of traces" in "".join(shown.all_inner_texts())
        and not page.locator("#group-tools").is_visible()
    )
    assert page.get_by_text("1 method found.").is_visible() and shown.count() == 1
    box.fill("no such method")
    assert page.get_by_text("No methods found.").is_visible() and shown.count() == 0
    box.fill("")
    assert opened.count() == 1 and page.locator("#group-tools").is_visible()
