"""Plain text: one row a line, or one row a paragraph; raw text without answers."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator

from .findings import BadRow, Problem, refuse
from .limits import size
from .options import Options
from .source import Source
from .tables import Choice, Record, Table


def table(source: Source, encoding: str, options: Options) -> Table:
    """Table with one column `text`; what a row is can be chosen."""
    how = "paragraphs" if options.text == "paragraphs" else "lines"
    out = Table("text", ["text"], lambda: iter(()), form=f"plain text, one row a {how[:-1]}")
    out.records = lambda: _records(source, encoding, how, out.skipped)
    out.choices.append(
        Choice(
            "text", "A row is", how, [["lines", "each line"], ["paragraphs", "each paragraph (blank lines between)"]]
        )
    )
    if options.text == "auto":
        out.notes.append(
            Problem(
                "plain_text",
                "confirm",
                "Plain text, not a table with columns: each line is a row.",
                "Choose paragraphs if a row has several lines; for answers, upload JSONL or CSV with a column for them.",
            )
        )
    return out


def _records(source: Source, encoding: str, how: str, skipped: list[int]) -> Iterator[Record | BadRow]:
    skipped[0] = 0
    held: list[str] = []
    first = length = 0
    for number, line in lines(source, encoding):
        if not line.strip():
            skipped[0] += how == "lines"
            if held:
                yield Record(first, {"text": "\n".join(held)})
                held, length = [], 0
        elif how == "lines":
            yield Record(number, {"text": line})
        else:
            first = first if held else number
            held.append(line)
            length += len(line)
            if length > source.limits.line:
                raise _too_long(f"The paragraph that begins on line {first:,}", first, source.limits.line)
    if held:
        yield Record(first, {"text": "\n".join(held)})


def lines(source: Source, encoding: str, ends: str | None = None) -> Generator[tuple[int, str], None, None]:
    """Numbered lines without their ends (`ends` as newline of open: None for all of them); raises FileRefused for a line over the limit, without reading it whole."""
    limit = source.limits.line
    with source.open() as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline=ends)  # type: ignore[arg-type]
        number = 0
        try:
            while line := _line(text, limit, number):
                number += 1
                if len(line) > limit:
                    raise _too_long(f"Line {number:,}", number, limit)
                yield number, (line.removeprefix("\ufeff") if number == 1 else line).removesuffix("\n")
        finally:
            text.detach()


def _line(text: io.TextIOWrapper, limit: int, before: int) -> str:
    try:
        return text.readline(limit + 1)
    except UnicodeDecodeError as e:
        raise refuse(
            "encoding",
            f"After line {before:,}: bytes that are not {text.encoding.upper()}.",
            "Save the file as UTF-8.",
            line=before + 1,
        ) from e


def _too_long(what: str, line: int, limit: int) -> Exception:
    return refuse(
        "line_too_long",
        f"{what} is longer than {size(limit)}; reading stopped there.",
        "Shorten it, or put line breaks into it.",
        line=line,
        limit=limit,
    )
