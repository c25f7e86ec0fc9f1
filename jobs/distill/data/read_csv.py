"""Delimited text, strictly: a quote that never closes, a ragged row or a doubled header is said, never guessed away."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from .findings import BadRow, Problem, refuse
from .limits import count, size
from .options import Options
from .source import Source
from .tables import Record, Table

TABLES = ("csv", "tsv", "tab", "psv")  # endings that are held to their word
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
KNOWN = re.compile(
    r"^(text|label|labels|category|class|klass|intent|input|output|prompt|completion|response|question|answer|query|instruction|context|utterance|sentence|source|target|split|set|id|idx|index|name|user|assistant|system|messages|title|body|content|type|score|tag|topic|language|lang|date|url|chosen|rejected|\w*_id|\w*_text)$",
    re.I,
)


def table(source: Source, encoding: str, options: Options) -> Table:
    """Table of a delimited file; raises FileRefused for files that have no rows or no usable header."""
    sample = _sample(source, encoding)
    first_line, separator = _sep_line(sample)
    delimiter = separator or _delimiter(sample, source.suffix)
    out = Table(
        "tsv" if delimiter == "\t" else "csv", [], lambda: iter(()), delimiter=SEPARATORS.get(delimiter, delimiter)
    )
    usual = "\t" if source.suffix in ("tsv", "tab") else ","
    if separator:
        out.notes.append(
            Problem(
                "sep_line",
                "confirm",
                f'The first line says "sep={separator}" (Excel); it was used and is not a row.',
                line=1,
            )
        )
    elif delimiter != usual:
        out.notes.append(
            Problem(
                "delimiter", "confirm", f"Columns are separated by {_a(out.delimiter)}, not by {_a(SEPARATORS[usual])}."
            )
        )
    head, at = _first_row(source, encoding, delimiter, first_line)
    name_columns(out, head, at, options, source.limits.columns)
    out.records = lambda: _records(source, encoding, delimiter, out, first_line)
    return out


def name_columns(out: Table, head: list[str], at: int, options: Options, most: int) -> None:
    """Columns of a table from its first row, or numbered where that row is data. Raises FileRefused over `most`."""
    if len(head) > most:
        raise refuse(
            "columns",
            f"{len(head):,} columns; the limit is {most}.",
            "Keep the columns that hold the text, the answer and the split.",
            line=at,
            limit=most,
        )
    out.header = options.header == "yes" or (options.header == "auto" and not looks_like_data(head))
    if out.header:
        out.columns = _names(head, at)
        return
    out.columns = [f"column {i}" for i in range(1, len(head) + 1)]
    if options.header == "auto":
        out.notes.append(
            Problem(
                "no_header",
                "confirm",
                "There is no header: the first line is data.",
                "If it does hold column names, choose 'The first line holds column names'.",
                line=at,
            )
        )


def looks_like_table(source: Source, encoding: str) -> bool:
    """By its name, by Excel's first line, or because nearly all first rows have the same number (over one) of fields."""
    if source.suffix in TABLES:
        return True
    sample = _sample(source, encoding)
    if _sep_line(sample)[1]:
        return True
    for candidate in SEPARATORS:
        widths = _widths(sample, candidate)
        if len(widths) > 1 and widths[0] > 1 and sum(w == widths[0] for w in widths) > 0.9 * len(widths):
            return True
    return False


def _widths(sample: str, delimiter: str) -> list[int]:
    """Fields of the first fifty rows; the rows before the first one that cannot be read."""
    widths: list[int] = []
    try:
        for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            if row:
                widths.append(len(row))
            if len(widths) == 50:
                break
    except csv.Error:
        pass
    return widths


def _a(name: str) -> str:
    return f"a {name}"


def _sample(source: Source, encoding: str) -> str:
    text = source.head.decode(encoding, errors="replace").lstrip("\ufeff")
    return text[: text.rfind("\n") + 1] if len(source.head) >= 65536 and "\n" in text else text


def _sep_line(sample: str) -> tuple[int, str]:
    """(lines to skip, separator) for Excel's `sep=;` line."""
    match = re.match(r'"?sep=(.)"?\r?\n', sample, re.I)
    return (1, match.group(1)) if match else (0, "")


def _delimiter(sample: str, suffix: str) -> str:
    """The separator that cuts most of the first rows into the same number (over one) of fields."""
    best, best_score = ("\t" if suffix == "tsv" else ","), 0.0
    for candidate in SEPARATORS:
        widths = _widths(sample, candidate)
        if not widths or widths[0] < 2:
            continue
        same = sum(w == widths[0] for w in widths) / len(widths)
        score = same + (0.05 if candidate == best else 0) + min(widths[0], 10) / 1000
        if score > best_score:
            best, best_score = candidate, score
    return best


def _rows(source: Source, encoding: str, delimiter: str, skip: int) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """(line where the row begins, fields or the error) of every row; raises FileRefused for an unclosed quote."""
    csv.field_size_limit(source.limits.cell)
    with source.open() as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="")  # type: ignore[arg-type]
        try:
            lines = _Lines(text, source.limits.line)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            while True:
                begin = reader.line_num + 1
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error as e:
                    if "unexpected end" in str(e) or ("field larger" in str(e) and reader.line_num > begin):
                        raise refuse(
                            "unclosed_quote",
                            f"The quote opened on line {begin:,} never closes.",
                            'Close it, or double the quotes inside the text ("").',
                            line=begin,
                        ) from None
                    yield begin, e
                    continue
                except UnicodeDecodeError as e:
                    raise refuse(
                        "encoding",
                        f"Line {begin:,}: bytes that are not {encoding.upper()}.",
                        "Save the file as UTF-8.",
                        line=begin,
                    ) from e
                if begin > skip:
                    yield begin, row
        finally:
            text.detach()


class _Lines:
    """Physical lines with their ends kept (\\n, \\r\\n, \\r), none longer than the limit."""

    def __init__(self, text: io.TextIOWrapper, limit: int) -> None:
        self.text, self.limit, self.number = text, limit, 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.text.readline(self.limit + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > self.limit:
            raise refuse(
                "line_too_long",
                f"Line {self.number:,} is longer than {size(self.limit)}; reading stopped there.",
                "Shorten the text, or check that a quote is not left open.",
                line=self.number,
                limit=self.limit,
            )
        return line.removeprefix("\ufeff") if self.number == 1 else line


def _first_row(source: Source, encoding: str, delimiter: str, skip: int) -> tuple[list[str], int]:
    for line, row in _rows(source, encoding, delimiter, skip):
        if isinstance(row, csv.Error):
            raise refuse(
                "header",
                f"Line {line:,}, the header, cannot be read: {_sentence(row)}.",
                "Check the quotes on that line.",
                line=line,
            )
        if any(cell.strip() for cell in row):
            return row, line
    raise refuse("empty", "The file holds only blank lines.", "Upload a file with rows.")


def looks_like_data(head: list[str]) -> bool:
    """True for a first row of sentences or numbers: no known column name, and a cell no one would name a column."""
    cells = [c.strip() for c in head]
    if any(KNOWN.match(c) for c in cells) or not all(cells):
        return False
    return any(
        len(c.split()) > 4 or c.endswith(("?", ".", "!")) or re.fullmatch(r"[-+]?\d+([.,]\d+)?", c) or len(c) > 60
        for c in cells
    )


def _names(head: list[str], line: int) -> list[str]:
    names = [c.strip() for c in head]
    empty = [str(i) for i, n in enumerate(names, 1) if not n]
    if empty:
        raise refuse(
            "header",
            f"Line {line:,}: column {', '.join(empty[:5])} of the header has no name.",
            "Give each column a name, or remove the column.",
            line=line,
        )
    twice = [n for n, c in Counter(names).items() if c > 1]
    if twice:
        raise refuse(
            "header",
            f"Line {line:,}: the header names {', '.join(repr(n[:60]) for n in twice[:5])} {count(Counter(names)[twice[0]], 'time')}.",
            "Rename one of them: which is meant cannot be guessed.",
            line=line,
            column=twice[0][:60],
        )
    return names


def _records(source: Source, encoding: str, delimiter: str, table: Table, skip: int) -> Iterator[Record | BadRow]:
    columns, width, seen_header, found = table.columns, len(table.columns), not table.header, False
    table.skipped[0] = 0
    for line, row in _rows(source, encoding, delimiter, skip):
        if not isinstance(row, csv.Error) and len(row) <= 1 and not any(cell.strip() for cell in row):
            table.skipped[0] += 1
            continue
        if not seen_header:
            seen_header = True
            continue
        found = True
        if isinstance(row, csv.Error):
            yield BadRow(line, _sentence(row), "Check the quotes on that line.")
        elif len(row) != width:
            yield BadRow(
                line,
                f"{count(len(row), 'field')}, expected {width}",
                "A text with the separator or a line break in it needs quotes around it.",
            )
        else:
            yield Record(line, dict(zip(columns, row, strict=True)))
    if not found:
        raise refuse("no_rows", "A header but no rows.", "Upload a file with rows under the header.")


def _sentence(e: csv.Error) -> str:
    text = str(e)
    if "expected after" in text:
        return "text after a closing quote"
    if "field larger" in text:
        return f"a cell longer than {size(csv.field_size_limit())}"
    return text
