"""A newcomer with an API key and a CSV: an endpoint that speaks by a script, own rows, and a recipe composed on the board."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ROWS = 40
WRONG = 4  # every so many questions the teacher gives an answer that a check finds out


def rows(count: int) -> list[tuple[str, str]]:
    """Questions and labels of Banking77's training file, spread over it: it is sorted by label."""
    from tests.browser.test_own_data import some_rows

    found = list(csv.reader(io.StringIO(some_rows(20).decode())))[1:]
    return [(q, a) for q, a in found[:: max(1, len(found) // count)]][:count]


def as_csv(pairs: Sequence[tuple[str, str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([("text", "category"), *pairs])
    return out.getvalue().encode()


def teacher_of(pairs: Sequence[tuple[str, str]]) -> Any:
    """says(messages): the label of the question it is asked; for every fourth question a wrong one."""
    known = {q: "no idea" if n % WRONG == 0 else a.replace("_", " ") for n, (q, a) in enumerate(pairs)}

    def says(messages: list[Mapping[str, str]]) -> str:
        asked = messages[-1]["content"]
        return next((a for q, a in known.items() if q in asked), "OK")

    return says


def add_endpoint(visitor: Any, url: str) -> str:
    """Adds the teacher with a key and waits for its test; the address of its page."""
    page = visitor.page
    visitor.open("/endpoints/")
    visitor.click("link", "vLLM")
    page.get_by_label("Name").fill("Writer")
    page.get_by_label("Address").fill(url)
    page.get_by_label("Model", exact=True).fill("scripted")
    page.get_by_label("Key", exact=True).fill("sk-newcomer")
    visitor.click("button", "Add and test")
    page.wait_for_url("**/endpoints/*-*/")
    page.locator("#test:not([hx-get])").wait_for(timeout=120_000)
    return "/endpoints/" + page.url.rstrip("/").rsplit("/", 1)[-1] + "/"


def bring_rows(visitor: Any, data: bytes) -> None:
    """From the upload page to the studio with these rows chosen."""
    page = visitor.page
    visitor.open("/datasets/upload/")
    page.get_by_label("Drop a file here").set_input_files(
        {"name": "questions.csv", "mimeType": "text/csv", "buffer": data}
    )
    visitor.click("button", "Look at the rows")
    page.wait_for_url("**/datasets/uploads/**")
    visitor.click("button", "Import")
    page.wait_for_url("**/versions/1/", timeout=120_000)
    visitor.click("link", "Distil with this")
    page.wait_for_url("**/studio/**")


def add_stage(page: Any, at: str, word: str) -> None:
    """Presses + before the stage at `at`, chooses a kind, and waits until the board has been drawn anew."""
    place, before = "f-" + at.replace(".", "-"), page.locator(".stage-card").count()
    page.locator(f"[popovertarget='plus-{place}']").click()
    page.locator(f"#plus-{place} button", has_text=word).first.click()
    page.locator(".stage-card").nth(before).wait_for()


def remove_stage(page: Any, name: str) -> None:
    """By keyboard: the focus on the stage, then Delete."""
    cards = page.locator(".stage-card", has=page.locator(".stage-name", has_text=name))
    cards.first.focus()
    page.keyboard.press("Delete")
    cards.first.wait_for(state="detached")


def put(page: Any, path: str, value: str) -> None:
    """Fills a field of the recipe, unfolding what is around it, and waits until it is saved."""
    field = page.locator(f"[name='{path}']")
    field.evaluate(
        "f => { for (let d = f.closest('details'); d; d = d.parentElement.closest('details')) d.open = true }"
    )
    with page.expect_response(lambda r: r.url.endswith("/save/")):
        if field.evaluate("f => f.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
            field.blur()


def stage_names(page: Any) -> list[str]:
    return [text.split(" ", 1)[1] for text in page.locator(".stage-name").all_inner_texts()]


def recipe_of(page: Any) -> dict[str, Any]:
    """The draft's recipe, as the API tells it."""
    draft = page.url.split("/studio/")[1].split("/")[0]
    return dict(json.loads(page.evaluate(f"fetch('/api/v1/drafts/{draft}').then(r => r.text())"))["recipe"])


@dataclass
class TextRuns:
    """What the newcomer has in the end: paths of the endpoint, of a run at a gate, of one that has ended, what was sent."""

    endpoint: str
    gate: str
    rounds: str


def gate(visitor: Any, dataset: str) -> str:
    """A run that soon waits for a review, from the recipe as text; its path."""
    stages = [
        {"kind": "write", "writer": "answers", "limit": 6},
        {"kind": "review", "note": "Are these labels of the list?"},
        {"kind": "train", "steps": 1, "terms": [{"type": "cross-entropy"}]},
    ]
    recipe = {
        "name": "Answers looked at", "teacher": {"model": "endpoint/writer"}, "student": {"model": "sample/banking77-student"},
        "data": {"dataset": dataset}, "control": False, "stages": stages,
    }  # fmt: skip
    page = visitor.page
    visitor.open("/studio/")
    page.get_by_text("Show recipe").click()
    page.locator("#recipe-text").fill(json.dumps(recipe, indent=1))
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("The recipe was taken over.").wait_for()
    return start(page)


def choose(page: Any) -> str:
    """Teacher and student on the board; the key of the dataset that was brought."""
    for field, key in (("teacher", "endpoint/writer"), ("student", "sample/banking77-student")):
        with page.expect_response(lambda r: r.url.endswith("/save/")):
            page.select_option(f"[name='{field}.model']", key)
    page.locator("#facts-teacher", has_text="Context").wait_for()
    page.reload()  # as it was saved; a part that is still on its way replaces nothing any more
    return str(recipe_of(page)["data"]["dataset"])


def compose(page: Any) -> None:
    """Plain fine-tuning, before which the teacher writes and its answers are checked; then rounds. A preference is tried and taken back."""
    page.get_by_text("Compare all", exact=False).click()
    page.get_by_label("Search", exact=True).fill("plain fine-tuning")
    with page.expect_response(lambda r: r.url.endswith("/save/")):
        page.locator(".method:visible input[value='sft']").check()
    page.locator(".stage-name", has_text="fine-tune").wait_for()
    add_stage(page, "stages.0", "Write")
    add_stage(page, "stages.1", "Verify")
    add_stage(page, "stages.2", "Prefer")
    add_stage(page, "stages.3", "Review")
    add_stage(page, "stages.5", "Rounds")
    assert stage_names(page) == ["write", "verify", "prefer", "review", "fine-tune", "rounds", "ask", "learn"]
    inside = page.get_by_role("group", name="Inside stage 6, rounds")
    assert inside.locator(".stage-name").all_inner_texts() == ["6.1 ask", "6.2 learn"]
    remove_stage(page, "prefer")
    remove_stage(page, "review")
    add_stage(page, "stages.3.stages.1", "Verify")
    assert stage_names(page) == ["write", "verify", "fine-tune", "rounds", "ask", "verify 2", "learn"]
    for path, value in {
        "stages.0.limit": "12",
        "stages.2.rows": "all",
        "stages.2.steps": "2",
        "stages.3.rounds": "1",
        "stages.3.stages.0.rows": "wrong",
        "stages.3.stages.0.limit": "8",
        "stages.3.stages.2.steps": "2",
    }.items():
        put(page, path, value)
    inner = recipe_of(page)["stages"][3]["stages"]
    assert [s["kind"] for s in inner] == ["write", "verify", "train"] and inner[0]["limit"] == 8


def start(page: Any) -> str:
    """Waits until the recipe may start, presses the button; the path of the run."""
    page.get_by_role("button", name="Start run").wait_for(timeout=180_000)
    assert (
        page.get_by_role("heading", name="endpoint/writer").or_(page.locator("#summary", has_text="Questions")).count()
    )
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url("**/runs/*/")
    return "/runs/" + page.url.rstrip("/").rsplit("/", 1)[-1] + "/"
