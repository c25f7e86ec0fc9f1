"""A JSON object whose lists hold the rows: {"train": [...], "test": [...]}, or one list under a name such as data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import strict_json
from .findings import BadRow, Problem
from .options import Options
from .source import Source
from .strict_json import NotJson
from .tables import Record, Table
from .words import split_word

BLANK = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Part:
    """One list: its key and the place in the text where it opens."""

    key: str
    start: int


def table(source: Source, encoding: str, options: Options) -> Table | None:
    """Table of such an object; None when it is none, which the caller explains."""
    if source.compression or source.size > source.limits.document:
        return None
    with source.open() as stream:
        text = stream.read(source.limits.document + 1).decode(encoding, "replace").lstrip("\ufeff")
    try:
        parts = _parts(text, source)
    except (NotJson, ValueError, RecursionError):
        return None
    splits = {p.key: split_word(p.key) for p in parts}
    named = bool(parts) and all(splits.values())
    if not named and len(parts) != 1:
        return None
    out = Table("json", [], lambda: _records(text, parts, splits if named else {}, source))
    seen = [r.values for r, _ in zip(out.records(), range(1000), strict=False) if isinstance(r, Record)]
    out.columns = list(dict.fromkeys(c for row in seen for c in row))
    if not out.columns:
        return None
    said = (
        f"The lists {', '.join(splits)[:200]} of the object were read as parts of the split."
        if named
        else f'The rows stand in the list "{parts[0].key[:60]}" of an object; the rest of the object was not read.'
    )
    out.notes.append(Problem("lists", "confirm", said, "Check the rows below."))
    return out


def _parts(text: str, source: Source) -> list[Part]:
    """Lists of rows of the outermost object, in order. Raises NotJson or ValueError for what is no such object."""
    value = strict_json.parse(text, source.limits)
    if not isinstance(value, dict):
        return []
    rows = {k for k, v in value.items() if isinstance(v, list) and v and all(isinstance(x, (dict, list)) for x in v)}
    if any(isinstance(v, (dict, list)) for k, v in value.items() if k not in rows and v):
        return []
    found, at = [], _skip(text, 0) + 1
    decoder = strict_json.decoder(source.limits)
    while text[_skip(text, at)] != "}":
        key, at = decoder.raw_decode(text, _skip(text, at))
        at = _skip(text, _skip(text, at) + 1)  # behind the colon
        if key in rows:
            found.append(Part(key, at))
        _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
        at += text[at] == ","
    return found


def _records(text: str, parts: list[Part], splits: dict[str, str], source: Source) -> Iterator[Record | BadRow]:
    decoder, line, counted = strict_json.decoder(source.limits), 1, 0
    for part in parts:
        at = _skip(text, part.start + 1)
        while text[at] != "]":
            line, counted = line + text.count("\n", counted, at), at
            value, at = decoder.raw_decode(text, at)
            yield _row(value, line, {"split": part.key} if splits else {})
            at = _skip(text, at)
            at = _skip(text, at + 1) if text[at] == "," else at


def _row(value: Any, line: int, more: dict[str, str]) -> Record | BadRow:
    if isinstance(value, list):
        value = {f"column {n}": cell for n, cell in enumerate(value, start=1)}
    if "split" in value and more:
        more = {}
    bad = next((k for k, v in value.items() if isinstance(v, str) and "\0" in v), None)
    if bad is not None:
        return BadRow(line, "contains a NUL character", "Remove it.", bad, code="nul")
    return Record(line, {**value, **more})


def _skip(text: str, at: int) -> int:
    match = BLANK.match(text, at)
    return match.end() if match else at
