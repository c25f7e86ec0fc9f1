"""The stored list of every row that the steps of a version touched: pages of it, and all of it as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from workbench.runs import blobs

from .models import DatasetVersion

PAGE = 50
COLUMNS = ("step", "kind", "what", "row", "line", "row_id", "new_row_id", "reason", "question", "answer")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def rows(version: DatasetVersion, step: int = 0, what: str = "") -> Iterator[dict[str, Any]]:
    """In the order of the steps; none for a version that came from a file. The bytes are opened and checked at once."""
    lines = blobs.open_blob(version.changes_blob_id) if version.changes_blob_id else io.BytesIO()
    return _chosen(lines, step, what)


def _chosen(lines: BinaryIO, step: int, what: str) -> Iterator[dict[str, Any]]:
    with lines:
        for line in lines:
            found = json.loads(line)
            if (not step or found["step"] == step) and (not what or found["what"] == what):
                yield found


def page(version: DatasetVersion, number: int = 1, step: int = 0, what: str = "") -> dict[str, Any]:
    """{rows, matching, page, pages}."""
    number, shown, matching = max(1, number), list[dict[str, Any]](), 0
    for found in rows(version, step, what):
        if (number - 1) * PAGE <= matching < number * PAGE:
            shown.append(found)
        matching += 1
    return {"rows": shown, "matching": matching, "page": number, "pages": max(1, -(-matching // PAGE))}


def as_csv(version: DatasetVersion, step: int = 0, what: str = "") -> Iterator[bytes]:
    """Lines of CSV; cells that a spreadsheet would run are escaped. The list is opened before the first line is asked for."""
    return _lines(rows(version, step, what))


def _lines(found: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    yield _line(COLUMNS)
    for row in found:
        cells = ["" if row.get(c) is None else str(row[c]) for c in COLUMNS]
        yield _line(["'" + c if c.startswith(FORMULA) else c for c in cells])


def _line(cells: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().encode()
