"""Datasets in a real browser: few clicks to a version, and nothing of a file ever runs."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HOSTILE = ROOT / "tests" / "data" / "hostile"

pytestmark = pytest.mark.browser


def choose(visitor: Any, name: str, data: bytes) -> None:
    visitor.open("/datasets/upload/")
    visitor.page.get_by_label("Drop a file here").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    )
    visitor.click("button", "Look at the rows")
    visitor.page.wait_for_url("**/datasets/uploads/**")


def test_it_imports_banking77_in_two_clicks_after_choosing_the_file(visit: Any) -> None:
    visitor = visit(signed_in=True)
    visitor.count = 0
    choose(visitor, "banking77.csv", gzip.decompress((ROOT / "jobs/samples/data/banking77/train.csv.gz").read_bytes()))
    visitor.click("button", "Import 10,003 rows")
    visitor.page.wait_for_url("**/versions/1/", timeout=120_000)
    assert visitor.count == 2
    visitor.page.get_by_text("I am still waiting on my card?").first.wait_for()
    assert "?dataset=banking77" in visitor.page.get_by_role("link", name="Distil with this").get_attribute("href")


def test_it_checks_again_when_a_role_changes(visit: Any) -> None:
    visitor = visit(signed_in=True)
    choose(visitor, "pairs.csv", b"text,label\na,x\nb,y\n")
    visitor.page.get_by_label("Role of text").select_option("")
    visitor.page.get_by_text("No column is the user's text").wait_for()
    visitor.page.get_by_label("Role of text").select_option("user")
    visitor.page.get_by_role("button", name="Import 2 rows").wait_for()


@pytest.mark.parametrize("name", ["24_html_script.csv", "26_jinja_payload.jsonl", "11_unicode_mess.jsonl"])
def test_h31_h32_it_shows_whatever_a_file_holds_as_text(visit: Any, name: str) -> None:
    """H31, H32: the browser's complaints (policy, errors) are checked when the test ends."""
    visitor = visit(390, signed_in=True)
    asked: list[str] = []
    visitor.page.on("request", lambda r: asked.append(r.url))
    visitor.page.on("dialog", lambda d: pytest.fail(f"a script of the file ran: {d.message}"))
    choose(visitor, name, (HOSTILE / name).read_bytes())
    visitor.page.wait_for_load_state("networkidle")
    assert not [u for u in asked if u.endswith(("/admin", "/x", "/logout"))]
    assert sum(u.rstrip("/").endswith("/datasets") for u in asked) == 0, "an htmx attribute of the file fired"
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
