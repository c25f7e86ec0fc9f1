"""A zip archive as one table: its one data file, its files as the parts of the split, or the file a person chose."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from . import archive, read_aligned
from .findings import Problem, refuse
from .limits import count, size
from .options import Options
from .parts import are_splits, joined, split_of_name
from .source import Source
from .tables import Choice, Table

FORMATS = {
    "jsonl": "jsonl", "ndjson": "jsonl", "json": "json", "csv": "csv", "tsv": "tsv", "tab": "tsv", "parquet": "parquet",
    "xlsx": "xlsx", "xlsm": "xlsx", "txt": "txt", "conll": "conll", "conllu": "conll", "bio": "conll", "iob": "conll",
    "annotated": "conll",
}  # fmt: skip
BY_ITSELF = "Upload the workbook by itself to choose another sheet."
PACKED = ("zip", "gz", "tgz", "bz2", "xz", "7z", "rar", "tar", "zst")
NOT_ROWS = re.compile(r"^(readme|licen[cs]e|copying|notice|changelog|changes|citation|authors)", re.I)
Reader = Callable[[Source, Options], Table]


def table(source: Source, options: Options, read: Reader) -> Table:
    """Table of an archive; `read` makes the table of one member. Raises FileRefused naming what is unsafe or missing."""
    with archive.opened(source) as opened:
        members = archive.check(opened, source.limits)
    _refuse_packed(members)
    rows = [m for m in members if format_of(m)]
    if not rows and (parallel := read_aligned.groups(members)):
        return read_aligned.table(source, parallel, options)
    if not rows:
        raise refuse(
            "zip_no_data",
            f"The archive holds no data file{_listed(members)}.",
            "Put JSONL, JSON, CSV, TSV, Parquet, XLSX, CoNLL or text files into it.",
        )
    chosen, how = _choose(rows, options)
    within = options.model_copy(update={"part": ""})
    tables = [(m.filename, read(archive.source_of(source, m), within)) for m in chosen]
    for _, one in tables:
        one.choices = [c for c in one.choices if c.name != "part"]  # a sheet is chosen in the workbook itself
        one.notes = [replace(n, remedy=BY_ITSELF) if n.code == "sheets" else n for n in one.notes]
    out = joined(tables, how == "split")
    out.compression = "zip"
    out.notes = _notes(members, rows, chosen, how) + out.notes
    if len(rows) > 1:
        out.choices.insert(0, _choice(rows, chosen, how))
    return out


def _refuse_packed(members: list[zipfile.ZipInfo]) -> None:
    for m in members:
        if m.filename.lower().rsplit(".", 1)[-1] in PACKED:
            raise refuse(
                "zip_nested",
                f"The member {m.filename[:120]!r} is itself an archive: one compression level only.",
                "Unpack it once and upload the result.",
            )


def format_of(member: zipfile.ZipInfo) -> str:
    """What a member's name says it is; empty for what holds no rows."""
    name = PurePosixPath(member.filename).name
    return "" if NOT_ROWS.match(name) or "." not in name else FORMATS.get(name.rsplit(".", 1)[-1].lower(), "")


def _choose(rows: list[zipfile.ZipInfo], options: Options) -> tuple[list[zipfile.ZipInfo], str]:
    """(members to read, why): one, chosen, split, all or asked."""
    if options.part and options.part != "*":
        if found := next((m for m in rows if m.filename == options.part), None):
            return [found], "chosen"
        raise refuse(
            "part",
            f"The archive has no data file {options.part[:120]!r}.",
            f"Choose one of: {', '.join(m.filename for m in rows[:8])}.",
        )
    if len(rows) == 1:
        return rows, "one"
    formats = [format_of(m) for m in rows]
    commonest = max(dict.fromkeys(formats), key=formats.count)
    same = [m for m in rows if format_of(m) == commonest]
    if are_splits([m.filename for m in same]):
        return same, "split"
    return (same, "all") if options.part == "*" else (rows[:1], "asked")


def _choice(rows: list[zipfile.ZipInfo], chosen: list[zipfile.ZipInfo], how: str) -> Choice:
    by_name = how == "split" or are_splits([m.filename for m in rows])
    together = ["", "All, as the parts of the split"] if by_name else ["*", "All of one format, one after the other"]
    files = [[m.filename, f"{m.filename[:120]} ({size(m.file_size)})"] for m in rows]
    return Choice("part", "File", together[0] if how in ("split", "all") else chosen[0].filename, [together, *files])


def _notes(
    members: list[zipfile.ZipInfo], rows: list[zipfile.ZipInfo], chosen: list[zipfile.ZipInfo], how: str
) -> list[Problem]:
    left = [m for m in members if m not in chosen]
    out = []
    if how == "split":
        said = ", ".join(f"{m.filename[:60]} as {split_of_name(m.filename)}" for m in chosen[:6])
        out.append(Problem("zip_split", "confirm", f"The files of the archive are the parts of the split: {said}."))
    elif how == "asked":
        out.append(
            Problem(
                "zip_choice",
                "choose",
                f"The archive holds {count(len(rows), 'data file')}{_listed(rows)}. Their names do not say which is meant.",
                "Choose the file, or all of one format.",
                f"Import {chosen[0].filename[:60]} alone",
            )
        )
    else:
        out.append(Problem("zip", "note", f"Read from the zip archive{_listed(chosen)}."))
    if left and how != "asked":
        said = f"{count(len(left), 'file')} of the archive left out{_listed(left)}."
        out.append(Problem("zip_left", "note", said, count=len(left)))
    return out


def _listed(members: list[zipfile.ZipInfo]) -> str:
    return f": {', '.join(m.filename[:60] for m in members[:5])}{' ...' if len(members) > 5 else ''}" if members else ""
