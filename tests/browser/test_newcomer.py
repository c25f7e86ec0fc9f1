"""A newcomer with a CSV file: from the upload to a running distillation in at most eight clicks, and nothing typed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_own_data import some_rows

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


def test_it_takes_eight_clicks_and_no_typing_from_a_file_to_a_running_distillation(sample_run: Any, visit: Any) -> None:
    """After the sample run, so that a slot is free. Choosing the file and each choice from a list count as clicks."""
    visitor = visit(signed_in=True)
    page, choices = visitor.page, 0
    visitor.open("/datasets/upload/")
    page.get_by_label("Drop a file here").set_input_files(
        {"name": "newcomer.csv", "mimeType": "text/csv", "buffer": some_rows(10)}
    )
    visitor.click("button", "Look at the rows")
    page.wait_for_url("**/datasets/uploads/**")
    visitor.click("button", "Import 1,")
    page.wait_for_url("**/versions/1/", timeout=120_000)
    visitor.click("link", "Distil with this")
    page.wait_for_url("**/studio/**")
    for role in ("teacher", "student"):
        page.select_option(f"select[name='{role}.model']", f"sample/banking77-{role}")
        choices += 1
    page.get_by_role("button", name="Start run").wait_for(timeout=120_000)
    visitor.click("button", "Start run")
    page.wait_for_url("**/runs/*/")
    page.get_by_text("Running").first.wait_for(timeout=60_000)
    assert visitor.count + choices + 1 <= 8
    visitor.click("button", "Cancel")
    page.get_by_text("Cancelled").first.wait_for(timeout=60_000)
