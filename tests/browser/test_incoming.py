"""Data on their way in, in a real browser: lost lines, refreshed pages, several files, and how the pages look."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

PARTS = "**/api/v1/datasets/parts/*?offset=*"
# 9 MiB: three parts
ROWS = b"text,label\n" + b"".join(
    b"When does my card number %09d arrive in the post?,label %d\n" % (i, i % 7) for i in range(160_000)
)


def choose(visitor: Any, data: bytes = ROWS, name: str = "cards.csv") -> None:
    visitor.page.get_by_label("Drop a file here").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": data}
    )
    visitor.click("button", "Look at the rows")


def test_it_goes_on_after_a_lost_line_and_after_a_refresh(visit: Any) -> None:
    visitor = visit(signed_in=True)
    page, sent = visitor.page, []
    page.on("request", lambda r: sent.append(r.url.split("offset=")[1].split("&")[0]) if "offset=" in r.url else None)
    visitor.open("/datasets/upload/")
    cut = {"left": 1}

    def flaky(route: Any) -> None:
        """The first part arrives, the line breaks at the second."""
        if "offset=0&" in route.request.url or not cut["left"]:
            route.continue_()
        else:
            cut["left"] -= 1
            route.abort("connectionreset")

    page.route(PARTS, flaky)
    choose(visitor)
    page.get_by_text("The connection is lost").wait_for()
    page.reload()  # the person thinks all is lost
    page.get_by_text("Choose the same file again above").wait_for()
    page.unroute(PARTS)
    choose(visitor)
    page.wait_for_url("**/datasets/uploads/**", timeout=120_000)
    page.get_by_role("button", name="Import 160,000 rows").or_(page.get_by_text("160,000")).first.wait_for()
    assert sent[0] == "0" and sent.count("0") == 1, "the first part was sent once"
    visitor.complaints[:] = [c for c in visitor.complaints if "ERR_CONNECTION_RESET" not in c]


def test_it_waits_out_a_lost_line_by_itself(visit: Any) -> None:
    visitor = visit(390, signed_in=True)
    page = visitor.page
    visitor.open("/datasets/upload/")
    failures = iter([True, False, False, False, False, False])
    page.route(PARTS, lambda route: route.abort("connectionreset") if next(failures, False) else route.continue_())
    choose(visitor, name="again.csv")
    page.get_by_text("nothing that was sent is lost").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.wait_for_url("**/datasets/uploads/**", timeout=120_000)
    visitor.complaints[:] = [c for c in visitor.complaints if "ERR_CONNECTION_RESET" not in c]


def test_several_files_say_what_became_of_each(visit: Any) -> None:
    visitor = visit(signed_in=True)
    page = visitor.page
    visitor.open("/datasets/upload/")
    files = [
        ("good.csv", b"text,label\na,x\nb,y\n"),
        ("noise.csv", bytes(range(256)) * 20),
        ("<img src=x onerror=alert(1)>.csv", b"text,label\nc,x\nd,y\n"),
    ]
    page.get_by_label("Drop a file here").set_input_files(
        [{"name": n, "mimeType": "text/csv", "buffer": d} for n, d in files]
    )
    visitor.click("button", "Look at the rows")
    page.get_by_text("This is binary").first.wait_for()
    page.get_by_role("link", name="Say which column is what").nth(1).wait_for()
    visitor.complaints[:] = [c for c in visitor.complaints if "422" not in c]


@pytest.mark.parametrize("way", ["file", "paste", "address", "hub", "here"])
def test_every_way_fits_a_phone(visit: Any, way: str) -> None:
    visitor = visit(390, "dark", signed_in=True)
    visitor.open(f"/datasets/upload/?from={way}")
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert visitor.page.locator("nav.ways a[aria-current=page]").count() == 1


def test_a_refused_address_stays_in_its_field(visit: Any) -> None:
    visitor = visit(signed_in=True)
    visitor.open("/datasets/upload/?from=address")
    visitor.page.get_by_label("Address").fill("http://127.0.0.1:5432/")
    visitor.click("button", "Fetch")
    visitor.page.get_by_text("not allowed: 127.0.0.1 is this machine itself").wait_for()
    assert visitor.page.get_by_label("Address").input_value() == "http://127.0.0.1:5432/"
    visitor.complaints[:] = [c for c in visitor.complaints if "422" not in c]
