"""JSON Lines, and JSON files that are one list of objects. Both are read row by row, whatever the file's size."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any

from . import read_splits, strict_json
from .findings import BadRow, Problem, refuse
from .limits import size
from .options import Options
from .read_text import lines as text_lines
from .source import Source
from .strict_json import NotJson
from .tables import Record, Table

LOOK = 1000  # records read to learn the column names
STRUCTURE = re.compile(r'[^"\[\]{},]*+(?:("(?:[^"\\]++|\\.)*+"?)|([\[\]{},]))', re.S)


def table(source: Source, encoding: str, options: Options, start: str) -> Table:
    """Table of a JSON or JSON Lines file, told apart by its first character and lines, not by its name."""
    if encoding == "cp1252":
        refuse_bytes(source)
    form = "json" if start.startswith("[") and not _row_lists(start) else "jsonl"
    if form == "jsonl" and start.startswith("{") and _is_document(source, encoding):
        if found := read_splits.table(source, encoding, options):
            return found
        _refuse_document(source, encoding)
    out = Table(form, [], lambda: iter(()))
    if form == "json":
        out.records = lambda: _elements(source, encoding, options)
        if source.suffix in ("jsonl", "ndjson"):
            out.notes.append(
                Problem(
                    "json_array",
                    "confirm",
                    "The name says JSON Lines, the file is one JSON list; it was read as a list.",
                )
            )
    else:
        out.records = lambda: _lines(source, encoding, options, out.skipped)
        if source.suffix == "json":
            out.notes.append(
                Problem(
                    "json_lines",
                    "confirm",
                    "The name says JSON, the file is JSON Lines (one object a line); it was read so.",
                )
            )
    out.columns = _columns(out, source.limits.columns)
    return out


def refuse_bytes(source: Source) -> None:
    """JSON is UTF-8 by its standard: bytes that are not are a matter of their rows, so the guess of Windows-1252 goes."""
    source.notes[:] = [n for n in source.notes if n.code != "encoding"]


def _columns(table: Table, limit: int) -> list[str]:
    """Names of the first records' keys, in the order they are met."""
    names: dict[str, None] = {}
    for i, record in enumerate(table.records()):
        if isinstance(record, Record):
            names.update(dict.fromkeys(record.values))
        if i >= LOOK or len(names) > limit:
            break
    return list(names)


def _lines(source: Source, encoding: str, options: Options, skipped: list[int]) -> Iterator[Record | BadRow]:
    """One object a line. Only \\n ends a line: U+2028 and U+0085 may stand inside a text."""
    skipped[0] = 0
    for number, raw in enumerate(_raw_lines(source, encoding), start=1):
        try:
            text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
        except UnicodeDecodeError as e:
            yield BadRow(
                number,
                f"not UTF-8 at byte {e.start + 1:,} of the line (0x{e.object[e.start]:02x})",
                "Save the file as UTF-8.",
                code="encoding",
            )
            continue
        if not text.strip():
            skipped[0] += 1
        else:
            yield _row(text.rstrip("\r\n").strip(" \t"), number, source, options)


def _raw_lines(source: Source, encoding: str) -> Iterator[bytes | str]:
    """Lines of at most the line limit; raises FileRefused naming the line that is longer, without reading it whole."""
    limit = source.limits.line
    if encoding.startswith("utf-16"):
        yield from (line for _, line in text_lines(source, encoding, "\n"))
        return
    with source.open() as stream:
        lines: Any = stream
        number = 0
        while line := lines.readline(limit + 1):
            number += 1
            if len(line) > limit:
                raise refuse(
                    "line_too_long",
                    f"Line {number:,} is longer than {size(limit)}; reading stopped there.",
                    "Shorten the text, or check that each row ends with a line break.",
                    line=number,
                    limit=source.limits.line,
                )
            yield line.removeprefix(codecs.BOM_UTF8) if number == 1 else line


def _row(text: str, line: int, source: Source, options: Options) -> Record | BadRow:
    try:
        value = strict_json.parse(text, source.limits, options.remove_nul)
    except NotJson as e:
        place = f", column {e.column}" if e.column and e.row == 1 else ""
        return BadRow(
            line, e.reason, e.remedy, code="nul" if "NUL" in e.reason else "not_json", column=place.removeprefix(", ")
        )
    if not isinstance(value, dict):
        return BadRow(line, f"not an object but {kind(value)}", 'A row is an object: {"text": "...", "label": "..."}.')
    return Record(line, value)


def kind(value: Any) -> str:
    """What a JSON value is, for a sentence."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, strict_json.Number):
        return "a number"
    return {"str": "a text", "list": "a list", "dict": "an object"}.get(type(value).__name__, type(value).__name__)


def _elements(source: Source, encoding: str, options: Options) -> Iterator[Record | BadRow]:
    """The elements of one JSON list, each parsed alone, so that one bad row has its own place and memory stays flat."""
    found = False
    for line, text in _split(source, encoding):
        found = True
        yield _row(text, line, source, options)
    if not found:
        raise refuse("no_rows", "The list is empty: no rows.", "Upload a file with rows.")


def _split(source: Source, encoding: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each top-level element."""
    level, line, started, length = 0, 1, 1, 0
    blank, parts = True, list[str]()  # blank: nothing but white space of this element so far
    for token, mark in _tokens(source, encoding):
        closes = mark in "]}" if mark else False
        if mark in ("[", "{"):
            level += 1
            if level > source.limits.depth:
                raise refuse(
                    "nested",
                    f"Nested too deeply: deeper than {source.limits.depth} brackets on line {line:,}.",
                    "Flatten the data: one object a row with text fields.",
                    line=line,
                )
            if level == 1 and mark == "[":
                line += token.count("\n")
                continue
        if closes:
            level -= 1
        if (mark == "," and level == 1) or (closes and level == 0):
            text = "".join(parts) + token[: len(token) - 1]
            if text.strip():
                yield started, text.strip()
            elif mark == ",":
                raise refuse(
                    "not_json", f"Line {line:,}: a comma without a row before it.", "Remove the comma.", line=line
                )
            line, parts, blank, length = line + token.count("\n"), [], True, 0
            if closes:
                level = -1
            continue
        if level < 0 and token.strip():
            raise refuse(
                "not_json",
                f"Line {line:,}: extra text after the list.",
                "One list a file, nothing behind it.",
                line=line,
            )
        if blank:
            started = line + token[: len(token) - len(token.lstrip())].count("\n")
        parts.append(token)
        blank = blank and not token.strip()
        length += len(token)
        line += token.count("\n")
        if length > source.limits.line:
            raise refuse(
                "line_too_long",
                f"The row that begins on line {started:,} is longer than {size(source.limits.line)}.",
                "Shorten it.",
                line=started,
                limit=source.limits.line,
            )
    if level > 0:
        raise refuse(
            "not_json",
            f"Line {line:,}: JSON ends early, the list is not closed.",
            "The file may be cut short: upload it again.",
            line=line,
        )


def _tokens(source: Source, encoding: str) -> Iterator[tuple[str, str]]:
    """(text up to and with a bracket, comma or whole string; the mark or '')."""
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "cp1252" else encoding)()
    rest = ""
    with source.open() as stream:
        while True:
            chunk = stream.read(1 << 18)
            try:
                rest += decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError:
                raise refuse(
                    "encoding",
                    "The file is not UTF-8, which JSON must be.",
                    "Save the file as UTF-8 and upload it again.",
                ) from None
            if len(rest) > source.limits.line + (1 << 18):
                raise refuse(
                    "line_too_long",
                    f"A text longer than {size(source.limits.line)}.",
                    "Shorten it, or check that its quote closes.",
                )
            at = 0
            while match := STRUCTURE.match(rest, at):  # not finditer: it would look on from every character in turn
                text, mark = match.group(1), match.group(2) or ""
                if text and (len(text) < 2 or not text.endswith('"') or match.end() == len(rest)):
                    break
                yield match.group(), mark
                at = match.end()
            rest = rest[at:]
            if not chunk:
                break
    if rest.strip():
        yield rest, ""


def _row_lists(start: str) -> bool:
    """JSON Lines whose first line is a list, complete in itself and followed by another: rows that are no objects."""
    lines = start.split("\n", 2)
    if len(lines) < 2 or not lines[1].strip():
        return False
    try:
        strict_json.parse(lines[0].strip())
    except NotJson:
        return False
    return True


def _is_document(source: Source, encoding: str) -> bool:
    """One object over the whole file (or over several lines), and not one object a line."""
    for line in _raw_lines(source, encoding):
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        if not text.strip():
            continue
        try:
            value = strict_json.parse(text.strip(), source.limits)
        except NotJson as e:
            return text.strip() == "{" or (e.reason == "JSON ends early" and source.suffix == "json")
        return (
            source.suffix == "json"
            and isinstance(value, dict)
            and lists_in(value) != []
            and source.size == len(source.head)
            and source.head.count(b"\n") <= 1
        )
    return False


def _refuse_document(source: Source, encoding: str) -> None:
    """Says where in the object a list of rows stands, when there is one."""
    if source.size > source.limits.document:
        raise refuse(
            "not_a_list",
            "The file is one JSON object, not a list of rows.",
            "Save the list of rows alone, or as JSON Lines.",
        )
    with source.open() as stream:
        text = stream.read(source.limits.document + 1).decode(encoding, "replace")
    try:
        found = lists_in(strict_json.parse(text, source.limits))
    except NotJson as e:
        raise refuse("not_json", f"Line {e.row:,}: {e.reason}.", e.remedy, line=e.row) from None
    where = f"; found a list at {' and '.join(found[:3])}" if found else ""
    raise refuse(
        "not_a_list",
        f"No list of rows at the top{where}.",
        "Save that list alone: a JSON list of objects, or one object a line.",
    )


def lists_in(value: Any, path: str = "") -> list[str]:
    """Paths of lists of objects or lists, the shallowest first: `data.records`."""
    if not isinstance(value, dict):
        return []
    here = [f"{path}{k}" for k, v in value.items() if isinstance(v, list) and v and isinstance(v[0], (dict, list))]
    return here + [p for k, v in value.items() for p in lists_in(v, f"{path}{k}.")]
