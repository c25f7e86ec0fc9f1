"""Parallel texts in an archive: files of the same name but for the language, of which line n says the same everywhere."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import PurePosixPath

from . import archive, read_text
from .findings import BadRow, Problem, refuse
from .limits import count
from .options import Options
from .source import Source, encoding_of
from .tables import Choice, Record, Table
from .tasks.instruction import language_of


@dataclass(frozen=True)
class Parallel:
    """Files that belong together: `name` is what their names share, `columns` what is left of each name."""

    name: str
    columns: dict[str, zipfile.ZipInfo]


def groups(members: list[zipfile.ZipInfo]) -> list[Parallel]:
    """Groups of two or more files whose names end in different languages: corpus.de and corpus.en."""
    parts = {m.filename: tuple(m.filename.split(".")) for m in members}
    named = [m for m in members if len(parts[m.filename]) > 1 and language_of(parts[m.filename][-1])]
    found: dict[tuple[str, ...], list[zipfile.ZipInfo]] = {}
    for m in named:
        mine = parts[m.filename]
        others = [parts[o.filename] for o in named if o is not m]
        length = max((n for n in range(1, len(mine)) if any(o[:n] == mine[:n] for o in others)), default=0)
        if length:
            found.setdefault(mine[:length], []).append(m)
    out = []
    for prefix, files in found.items():
        columns = {".".join(parts[m.filename][len(prefix) :]): m for m in files}
        if len(files) > 1 and len({language_of(c) for c in columns}) > 1:
            out.append(Parallel(".".join(prefix), {c: columns[c] for c in sorted(columns, key=_order(prefix[-1]))}))
    return sorted(out, key=lambda g: g.name)


def _order(pair: str) -> Callable[[str], tuple[int, int]]:
    """First the language that the name of the pair says first: ara before eng in ara-eng."""
    said = pair.lower().replace("_", "-").split("-")

    def place(column: str) -> tuple[int, int]:
        language = column.lower().rsplit(".", 1)[-1]
        return (said.index(language) if language in said else len(said)), column.count(".")

    return place


def table(source: Source, found: list[Parallel], options: Options) -> Table:
    """Table with a column for each file. Raises FileRefused when the files do not have the same number of lines."""
    chosen = next((g for g in found if g.name == options.part), None) if options.part else found[0]
    if chosen is None:
        raise refuse(
            "part",
            f"The archive has no parallel files {options.part[:120]!r}.",
            f"Choose one of: {', '.join(g.name for g in found[:8])}.",
        )
    sources = {c: archive.source_of(source, m) for c, m in chosen.columns.items()}
    encodings = {c: encoding_of(s) for c, s in sources.items()}
    _check_lengths(chosen, sources, encodings)
    out = Table("text", list(sources), lambda: iter(()), form="parallel texts, line by line", compression="zip")
    out.records = lambda: _records(sources, encodings, out.skipped)
    files = ", ".join(PurePosixPath(m.filename).name for m in chosen.columns.values())
    out.notes.append(Problem("parallel", "note", f"Line by line from {count(len(sources), 'file')}: {files[:300]}."))
    if len(found) > 1:
        out.choices.append(
            Choice(
                "part", "Parallel files", chosen.name, [[g.name, f"{g.name} ({', '.join(g.columns)})"] for g in found]
            )
        )
        if not options.part:
            names = ", ".join(PurePosixPath(g.name).name for g in found[:6])
            out.notes.append(
                Problem(
                    "zip_choice",
                    "choose",
                    f"The archive holds {len(found)} groups of parallel files: {names}. Which is meant cannot be told from their names.",
                    "Choose the group.",
                    f"Import {PurePosixPath(chosen.name).name[:60]} alone",
                )
            )
    return out


def _check_lengths(chosen: Parallel, sources: dict[str, Source], encodings: dict[str, str]) -> None:
    lengths = {c: sum(1 for _ in read_text.lines(s, encodings[c])) for c, s in sources.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{PurePosixPath(chosen.columns[c].filename).name[:80]} has {n:,}" for c, n in lengths.items())
        raise refuse(
            "parallel_lengths",
            f"Parallel files of different length: {said} lines.",
            "Line n of each must belong together: find where one has a line too many.",
        )


def _records(sources: dict[str, Source], encodings: dict[str, str], skipped: list[int]) -> Iterator[Record | BadRow]:
    skipped[0] = 0
    with ExitStack() as stack:
        texts = [stack.enter_context(closing(read_text.lines(s, encodings[c]))) for c, s in sources.items()]
        for rows in zip(*texts, strict=True):
            values = dict(zip(sources, (text for _, text in rows), strict=True))
            if bad := next((c for c, text in values.items() if "\0" in text), None):
                yield BadRow(rows[0][0], "contains a NUL character", "Remove it.", bad, code="nul")
            elif any(text.strip() for text in values.values()):
                yield Record(rows[0][0], values)
            else:
                skipped[0] += 1
