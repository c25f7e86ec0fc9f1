"""Files as records with line numbers: one interface over every format, whole, in gzip or in a zip archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .findings import BadRow, Change, Problem, refuse
from .limits import LIMITS, Limits
from .options import Options
from .source import NAMES, Source, encoding_of, identify


@dataclass(slots=True)  # not frozen: a million of them are made, and freezing doubles the time
class Record:
    """One row as it stands in the file. `line`: where it begins (from 1); rows from 1 in Parquet, which has no lines.

    `part`: the file of an archive it stands in, where several are read.
    """

    line: int
    values: dict[str, Any]
    part: str = ""
    changes: tuple[Change, ...] = ()  # what was changed on the way here


@dataclass(frozen=True)
class Choice:
    """Something only a person can say about a file: `options` are pairs of a value and its words; `name` is an option's."""

    name: str
    label: str
    chosen: str
    options: list[list[str]]
    hint: str = ""


@dataclass
class Table:
    """`records()` starts anew each time; `skipped` counts the blank lines of the last pass."""

    format: str
    columns: list[str]
    records: Callable[[], Iterator[Record | BadRow]]
    encoding: str = ""
    delimiter: str = ""
    compression: str = ""
    header: bool = True
    notes: list[Problem] = field(default_factory=list)
    skipped: list[int] = field(default_factory=lambda: [0])
    choices: list[Choice] = field(default_factory=list)
    form: str = ""  # what the rows are, where the format says it


def open_table(path: Path, filename: str = "", options: Options = Options(), limits: Limits = LIMITS) -> Table:  # noqa: B008
    """Table of a file; raises FileRefused when nothing in it can be read."""
    from . import read_archive

    source = identify(Path(path), filename or Path(path).name, limits)
    table = read_archive.table(source, options, _table) if source.kind == "archive" else _table(source, options)
    if options.tools == "as_text":
        from .tool_turns import as_text

        table.records = as_text(table.records)
    if options.remove_nul:
        from .changed import without_nul

        table.records = without_nul(table.records)
    if len(table.columns) > limits.columns:
        raise refuse(
            "columns",
            f"{len(table.columns):,} columns; the limit is {limits.columns}.",
            "Keep the columns that hold the text, the answer and the split.",
            limit=limits.columns,
        )
    return table


def _table(source: Source, options: Options) -> Table:
    """Table of a file that is no archive, or of one member of an archive."""
    from . import shapes
    from .roles import ANSWER

    if source.kind == "workbook":
        from . import read_xlsx

        table = read_xlsx.table(source, options)
    elif source.kind == "parquet":
        from . import read_parquet  # pyarrow

        table = read_parquet.table(source)
    else:
        table = _text(source, options)
    if table.format in ("json", "jsonl", "parquet"):
        table = shapes.unfold(table, ANSWER)
    table.compression = source.compression
    table.notes = source.notes + table.notes
    return table


def _text(source: Source, options: Options) -> Table:
    """Table of a text, its form told by how it begins, and by its name where that says more."""
    from . import read_chatml, read_conll, read_csv, read_json, read_text

    encoding = encoding_of(source)
    start = source.head.decode(encoding.removesuffix("-sig"), errors="replace").lstrip("\ufeff \t\r\n")
    if not start and source.size <= len(source.head):
        raise refuse("empty", "The file holds only blank lines.", "Upload a file with rows.")
    if source.suffix in read_conll.SUFFIXES:  # held to its word: a token may be a brace
        table = read_conll.table(source, encoding)
    elif start.startswith("<|im_start|>"):
        table = read_chatml.table(source, encoding)
    elif looks_like_json(start, source.suffix):
        table = read_json.table(source, encoding, options, start)
    elif read_conll.looks_like(source, encoding):
        table = read_conll.table(source, encoding)
    elif read_csv.looks_like_table(source, encoding):
        table = read_csv.table(source, encoding, options)
    else:
        table = read_text.table(source, encoding, options)
    table.encoding = NAMES[encoding]
    return table


def looks_like_json(start: str, suffix: str) -> bool:
    """By the first character; a name that ends in .json or .jsonl is held to its word."""
    if suffix in ("json", "jsonl", "ndjson"):
        return True
    return start[:1] == "{" or (start[:1] == "[" and suffix not in ("csv", "tsv"))
