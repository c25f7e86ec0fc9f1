"""Refused and changed rows as CSV, for people to mend their file: place, column, and what was wrong or became different."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from .formulas import escape_formula

Which = Literal["refused", "changed"]
COLUMNS: dict[str, tuple[str, ...]] = {
    "refused": ("part", "line", "column", "reason", "remedy"),
    "changed": ("part", "line", "column", "what", "before", "after"),
}


class _Line:
    """Takes what csv writes and hands it on."""

    def write(self, text: str) -> str:
        return text


def as_csv(which: Which, rows: Iterable[dict[str, Any]], header: bool = True) -> Iterator[str]:
    """The lines of the CSV. Cells that a spreadsheet would run are escaped; characters no CSV can hold are shown as \\u0000."""
    writer = csv.writer(_Line(), lineterminator="\r\n")
    if header:
        yield str(writer.writerow(COLUMNS[which]))
    for row in rows:
        cells = [str(row.get(c) or "").replace("\0", "\\u0000") for c in COLUMNS[which]]
        yield str(writer.writerow([escape_formula(cell) for cell in cells]))
