"""The review desk by keyboard alone: accept, edit, paint, reject with a reason, undo, choose a label; a second tab is told."""

from __future__ import annotations

import json
from typing import Any

from tests.browser.conftest import Workbench

WAIT = 60_000


def test_the_desk_by_keyboard_only(workbench: Workbench, chromium: Any) -> None:
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" and "409" not in m.text else None)
    _sign_in(page, workbench)
    desk = _desk(page, workbench)
    press = page.keyboard.press

    page.goto(f"{desk}rows/1/")
    press("a")
    page.wait_for_url("**/rows/2/", timeout=WAIT)

    press("e")  # edit: the text is marked, so typing replaces it
    page.keyboard.type("a better answer")
    press("Control+Enter")
    page.wait_for_url("**/rows/3/", timeout=WAIT)

    press("p")  # paint: the first word is not learnt, the second counts three times
    press("0")
    press("ArrowRight")
    press("3")
    assert (
        page.locator(".paint-surface .is-ignored").count() == 1
        and page.locator(".paint-surface .is-heavy").count() == 1
    )
    assert "Weight 3" in page.locator("#desk-said").inner_text(timeout=WAIT)
    press("Escape")
    press("a")
    page.wait_for_url("**/rows/4/", timeout=WAIT)

    press("r")  # asks for the reason first
    assert page.evaluate("document.activeElement.id") == "reason"
    press("o")  # off topic
    press("Enter")
    page.wait_for_url("**/rows/5/", timeout=WAIT)

    press("k")
    page.wait_for_url("**/rows/4/", timeout=WAIT)
    press("u")
    page.get_by_text("the last decision was taken back").wait_for(timeout=WAIT)
    press("2")  # the second label
    page.wait_for_url("**/rows/5/", timeout=WAIT)
    press("?")
    assert page.locator("dialog#keys[open]").count() == 1
    press("Escape")

    found = [
        (d["place"], d["verdict"])
        for d in json.loads(
            page.evaluate(
                f"fetch('/api/v1{desk.split(workbench.url)[1].replace('/review/', '/reviews/')}decisions').then(r => r.text())"
            )
        )
    ]
    assert found[0] == (1, "accept") and found[1] == (2, "edit") and found[2] == (3, "paint")
    assert [v for _, v in found[3:5]] == ["reject", "undo"] and found[5][1] in ("relabel", "accept")

    other = page.context.new_page()  # two tabs: the second is told, and keeps its text
    page.goto(f"{desk}rows/6/")
    other.goto(f"{desk}rows/6/")
    page.keyboard.press("a")
    page.wait_for_url("**/rows/7/", timeout=WAIT)
    other.keyboard.press("e")
    other.keyboard.type("what the other tab typed")
    other.keyboard.press("Control+Enter")
    other.wait_for_selector("#problem", timeout=WAIT)
    assert "meanwhile" in other.locator("#problem").inner_text()
    assert other.locator("#answer").input_value() == "what the other tab typed"
    assert not wrong, wrong


def _sign_in(page: Any, workbench: Workbench) -> None:
    page.goto(f"{workbench.url}/account/login/")
    page.fill("input[name=login]", workbench.email)
    page.fill("input[name=password]", workbench.password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{workbench.url}/", timeout=WAIT)


def _desk(page: Any, workbench: Workbench) -> str:
    """A desk over the sample, set up by the form."""
    listed = json.loads(page.evaluate("fetch('/api/v1/datasets').then(r => r.text())"))
    sample = next(d for d in listed if d["key"] == "sample/banking77")
    page.goto(f"{workbench.url}/datasets/{sample['id']}/")
    page.goto(workbench.url + page.locator(".page-head-actions a", has_text="Review").get_attribute("href"))
    page.select_option("[name=order]", "file")
    page.fill("[name=limit]", "20")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rows/1/", timeout=WAIT)
    return str(page.url).removesuffix("rows/1/")
