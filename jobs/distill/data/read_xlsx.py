"""Excel workbooks: the stored values of one sheet (formulas are never run), row by row, within counted limits."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice, repeat
from typing import Any

from . import archive
from .cell_text import text_of
from .findings import BadRow, FileRefused, Problem, refuse
from .limits import count, size
from .options import Options
from .parts import are_splits, joined
from .read_csv import name_columns
from .source import Source
from .tables import Choice, Record, Table

LOOK = 200  # rows in which dates are looked for
DECLARES, FORMULA = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.I), re.compile(rb"<(?:\w+:)?f[\s/>]")


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    kind: str  # of openpyxl: s text, n number, b boolean, d date, e error, f formula


def table(source: Source, options: Options) -> Table:
    """Table of a workbook; raises FileRefused for a damaged one and for sizes over the limits."""
    book, formulas = _load(source)
    sheets = [s for s in book.worksheets if next(_filled(source, s), None)]
    if not sheets:
        raise refuse("no_rows", "The workbook has no sheet with cells.", "Upload a workbook with rows.")
    chosen, how = _choose(sheets, options)
    out = joined([(s.title, _sheet(source, book, s.title, formulas, options)) for s in chosen], how == "split")
    out.notes += _notes(sheets, chosen, how)
    if len(sheets) > 1:
        by_name = are_splits([s.title for s in sheets])
        together = ["", "All, as the parts of the split"] if by_name else ["*", "All sheets, one after the other"]
        titles = [[s.title, s.title[:120] + (" (hidden)" if s.sheet_state != "visible" else "")] for s in sheets]
        value = together[0] if how in ("split", "all") else chosen[0].title
        out.choices.insert(0, Choice("part", "Sheet", value, [together, *titles]))
    return out


def _choose(sheets: list[Any], options: Options) -> tuple[list[Any], str]:
    """(sheets to read, why): one, chosen, split, all or asked."""
    if options.part and options.part != "*":
        if found := next((s for s in sheets if s.title == options.part), None):
            return [found], "chosen"
        raise refuse(
            "part",
            f"The workbook has no sheet {options.part[:120]!r} with rows.",
            f"Choose one of: {', '.join(s.title for s in sheets[:8])}.",
        )
    if len(sheets) == 1:
        return sheets, "one"
    if are_splits([s.title for s in sheets]):
        return sheets, "split"
    return (sheets, "all") if options.part == "*" else (sheets[:1], "asked")


def _notes(sheets: list[Any], chosen: list[Any], how: str) -> list[Problem]:
    titles = ", ".join(repr(s.title[:60]) for s in sheets[:8])
    if how == "asked":
        return [
            Problem(
                "sheets",
                "choose",
                f"The workbook has {count(len(sheets), 'sheet')} with cells: {titles}.",
                "Choose the sheet with the rows.",
                f"Import the sheet {chosen[0].title[:60]!r} alone",
            )
        ]
    if how == "split":
        return [Problem("sheets_split", "confirm", f"The sheets are the parts of the split: {titles}.")]
    left = [s.title[:60] for s in sheets if s not in chosen]
    return (
        [Problem("sheets_left", "note", f"{count(len(left), 'sheet')} left out: {', '.join(left[:8])}.")]
        if left
        else []
    )


@contextmanager
def _reading() -> Iterator[None]:
    """Whatever a reader of foreign XML may raise becomes one refusal; too little memory stays what it is."""
    try:
        yield
    except (FileRefused, MemoryError, RecursionError):
        raise
    except Exception as e:
        why = str(e).strip().split("\n")[0].strip(". ")[:160]
        raise refuse(
            "workbook_damaged",
            f"Not a readable Excel workbook: {why or type(e).__name__}.",
            "Open it, save it again as .xlsx, and upload that.",
        ) from None


def _load(source: Source) -> tuple[Any, Any]:
    """(workbook of values, the same with formulas or None); raises FileRefused.

    Every part is measured before anything is parsed: the sizes that the file claims are no guard.
    """
    import openpyxl

    if source.stored > source.limits.in_memory:
        raise refuse(
            "too_big",
            f"The workbook has {size(source.stored)}; the limit is {size(source.limits.in_memory)}.",
            "Save the sheet as CSV UTF-8.",
            limit=source.limits.in_memory,
        )
    look = _Look(source)
    with archive.opened(source) as zipped:
        archive.check(zipped, source.limits)
        archive.measure(zipped, source, source.limits.workbook, "The workbook", look)
    whole = source.whole()
    data = whole.read() if isinstance(whole, io.BytesIO) else whole.read_bytes()
    with _reading(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load = partial(openpyxl.load_workbook, read_only=True, keep_links=False)
        return load(io.BytesIO(data), data_only=True), load(io.BytesIO(data)) if look.formulas else None


class _Look:
    """Sees every part of a workbook go by: its list of texts has a limit, and no part may declare entities."""

    def __init__(self, source: Source) -> None:
        self.limits, self.formulas, self.texts, self.tail = source.limits, False, 0, b""

    def __call__(self, name: str, data: bytes, first: bool) -> None:
        if not name.lower().endswith((".xml", ".rels")):
            return
        data, self.tail = (b"" if first else self.tail) + data, data[-16:]
        if DECLARES.search(data) or (first and b"\0" in data[:64]):
            raise refuse(
                "workbook_damaged",
                f"The workbook part {name[:80]!r} declares a document type, which no workbook needs.",
                "Open it, save it again as .xlsx, and upload that.",
            )
        self.formulas = self.formulas or FORMULA.search(data) is not None
        if name.lower().endswith("sharedstrings.xml"):
            self.texts += len(data)
            if self.texts > self.limits.shared_texts:
                raise refuse(
                    "expands",
                    f"The texts of the workbook unpack to more than {size(self.limits.shared_texts)}.",
                    "Save the sheet as CSV UTF-8.",
                    limit=self.limits.shared_texts,
                )


def _sheet(source: Source, book: Any, title: str, formulas: Any, options: Options) -> Table:
    """Table of one sheet, its first row with cells the header."""
    out = Table("xlsx", [], lambda: iter(()), encoding="UTF-8")
    at, head = next(_filled(source, book[title]))
    names = [""] * max(head)
    for column, cell in head.items():
        names[column - 1] = str(cell.text)
    name_columns(out, names, at, options, source.limits.columns)
    sheet, other = book[title], formulas[title] if formulas is not None else None
    out.records = lambda: _records(source, sheet, other, out, at if out.header else 0)
    if any(c.kind == "d" for _, row in islice(_rows(source, sheet), LOOK) for c in row.values()):
        out.notes.append(Problem("dates", "note", "Dates were written as 2024-01-31, whatever form the sheet shows."))
    return out


def _rows(source: Source, sheet: Any) -> Iterator[tuple[int, dict[int, Cell]]]:
    """(number of the row, its filled cells by column from 1), empty rows too. Raises FileRefused for numbers that no sheet has."""
    from openpyxl.cell.read_only import ReadOnlyCell
    from openpyxl.worksheet._reader import WorkSheetParser

    book, limits = sheet.parent, source.limits
    with _reading(), sheet._get_source() as stream:
        parser = WorkSheetParser(
            stream,
            sheet._shared_strings,
            data_only=book.data_only,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        for number, cells in parser.parse():
            if not 0 < number <= limits.sheet_rows:
                raise refuse(
                    "workbook_damaged",
                    f"A row has the number {number:,}; a sheet ends at {limits.sheet_rows:,}.",
                    "Open it, save it again as .xlsx, and upload that.",
                )
            row: dict[int, Cell] = {}
            for c in cells:
                if c["value"] is None:
                    continue
                if c["column"] in row:
                    raise refuse(
                        "workbook_damaged",
                        f"The cell {_cell(c['column'], number)} stands twice in the sheet.",
                        "Open it, save it again as .xlsx, and upload that.",
                        line=number,
                    )
                shape = ReadOnlyCell(sheet, **c).number_format if c["data_type"] == "n" else ""
                row[c["column"]] = Cell(text_of(c["value"], shape), c["data_type"])
            yield number, row


def _filled(source: Source, sheet: Any) -> Iterator[tuple[int, dict[int, Cell]]]:
    return ((number, row) for number, row in _rows(source, sheet) if row)


def _records(source: Source, sheet: Any, formulas: Any, out: Table, header: int) -> Iterator[Record | BadRow]:
    last, found = header, False
    out.skipped[0] = 0
    # Both walks see the same rows in the same order: a formula without a value is filled in one alone.
    walk = _rows(source, formulas) if formulas is not None else repeat((0, {}))
    for (number, row), (_, written) in zip(_rows(source, sheet), walk, strict=False):
        if number <= header or not (row or written):
            continue
        found = True
        out.skipped[0] += max(0, number - last - 1)
        last = number
        if not written and all(not c.text.strip() for c in row.values()):
            out.skipped[0] += 1
            continue
        yield _bad(number, row, written, out.columns) or Record(
            number, {name: row[i].text if i in row else "" for i, name in enumerate(out.columns, start=1)}
        )
    if not found:
        raise refuse("no_rows", "A header but no rows.", "Upload a workbook with rows under the header.")


def _bad(number: int, row: dict[int, Cell], written: dict[int, Cell], columns: list[str]) -> BadRow | None:
    """Why a row cannot be taken: a cell beyond the header, an error, a formula whose value was never stored."""
    if beyond := next((i for i in row if i > len(columns)), None):
        return BadRow(
            number, f"cell {_cell(beyond, number)} is filled, but the header ends before it", "Name its column."
        )
    for i, name in enumerate(columns, start=1):
        if i in row and row[i].kind == "e":
            return BadRow(number, f"cell {_cell(i, number)} holds the error {row[i].text}", "Mend the formula.", name)
        if i not in row and i in written and written[i].kind == "f":
            return BadRow(
                number,
                f"cell {_cell(i, number)} is a formula without a stored value",
                "Open the workbook in a spreadsheet and save it; formulas are never run here.",
                name,
            )
    return None


def _cell(column: int, row: int) -> str:
    from openpyxl.utils import get_column_letter

    return f"{get_column_letter(column)}{row}"
