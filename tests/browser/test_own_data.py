"""A practitioner with a file: upload Banking77's CSV, map its columns, distil with LLM-Neo, read the report."""

from __future__ import annotations

import csv
import gzip
import io
import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import finished

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
TRAIN = Path(__file__).parents[2] / "jobs/samples/data/banking77/train.csv.gz"


def some_rows(every: int) -> bytes:
    """Every n-th row of Banking77's training file: it is sorted by label, so the first n would be two labels."""
    rows = list(csv.reader(io.StringIO(gzip.decompress(TRAIN.read_bytes()).decode())))
    out = io.StringIO()
    csv.writer(out).writerows([rows[0], *rows[1::every]])
    return out.getvalue().encode()


def test_it_goes_from_a_file_to_a_distilled_adapter(sample_run: Any, visit: Any) -> None:
    """After the sample run, which needs the start page of a first visit."""
    visitor = visit(signed_in=True)
    page = visitor.page
    visitor.open("/datasets/upload/")
    page.get_by_label("Drop a file here").set_input_files(
        {"name": "bank.csv", "mimeType": "text/csv", "buffer": some_rows(12)}
    )
    visitor.click("button", "Look at the rows")
    page.wait_for_url("**/datasets/uploads/**")
    visitor.click("button", "Import 834 rows")
    page.wait_for_url("**/versions/1/", timeout=120_000)
    visitor.click("link", "Distil with this")
    page.wait_for_url("**/studio/**")
    page.select_option("select[name='teacher.model']", "sample/banking77-teacher")
    page.select_option("select[name='student.model']", "sample/banking77-student")
    page.get_by_label("Epochs", exact=True).fill("2")
    page.get_by_label("Epochs", exact=True).blur()
    # The rows are measured for these tokenizers in the background; the page goes on by itself when that is done.
    page.get_by_role("button", name="Start run").wait_for(timeout=120_000)
    visitor.click("button", "Start run")
    page.wait_for_url("**/runs/*/")
    assert page.get_by_text("LLM-Neo").first.is_visible()
    text = finished(page)
    train, heldout = (
        int(number.replace(",", ""))
        for number in re.search(r"Training rows\s+([\d,]+).*?Held-out rows\s+([\d,]+)", text, re.S).groups()
    )  # type: ignore[union-attr]
    assert train + heldout == 834, "every row of the file is either learnt from or judged on"
    assert "Gap closed" in text
