"""Several files of an archive, or sheets of a workbook, as one table: the parts of a split by their names, or in a row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from .findings import BadRow, FileRefused, Problem, refuse
from .tables import Record, Table

SPLIT_WORDS = {
    "train": "train", "training": "train", "test": "test", "testing": "test", "dev": "dev", "valid": "validation",
    "validation": "validation", "val": "validation", "eval": "validation", "heldout": "test",
}  # fmt: skip


def split_of_name(path: str) -> str:
    """train, test, dev or validation when the name, or else its folder, says exactly one of them; else ''.

    A word may stand behind others (`wnut17train`), but not inside one (`contest`).
    """
    whole = PurePosixPath(path)
    for part in (whole.stem, *reversed(whole.parts[:-1])):
        words = {SPLIT_WORDS[w] for w in re.split(r"[^a-z]+", part.lower()) if w in SPLIT_WORDS}
        if words:
            return words.pop() if len(words) == 1 else ""
    return ""


def are_splits(names: Sequence[str]) -> bool:
    """Whether every name says which part of a split it is, and not all the same one."""
    splits = {split_of_name(n) for n in names}
    return "" not in splits and len(splits) > 1


def joined(tables: list[tuple[str, Table]], by_name: bool) -> Table:
    """One table over several; `by_name` adds a column of the split, unless they have one themselves."""
    first = tables[0][1]
    if len(tables) == 1:
        return first
    columns = list(dict.fromkeys(c for _, t in tables for c in t.columns))
    split = "split" if by_name and "split" not in columns else ""
    skipped = [0]
    notes = {(n.code, n.message): n for _, t in tables for n in t.notes}
    out = replace(
        first,
        columns=columns + ([split] if split else []),
        records=lambda: _records(tables, split, skipped),
        notes=list(notes.values()),
        skipped=skipped,
        choices=list({c.name: c for _, t in tables for c in t.choices}.values()),
    )
    if odd := next((name for name, t in tables if t.columns != first.columns), None):
        out.notes.append(
            Problem(
                "parts_differ",
                "confirm",
                f"{odd[:120]!r} has other columns than {tables[0][0][:120]!r}; a missing column is empty there.",
                "Check the roles in the column headers.",
            )
        )
    return out


def _records(tables: list[tuple[str, Table]], split: str, skipped: list[int]) -> Iterator[Record | BadRow]:
    skipped[0] = 0
    for name, one in tables:
        more = {split: split_of_name(name)} if split else {}
        try:
            for record in one.records():
                if isinstance(record, BadRow):
                    yield replace(record, part=name)
                else:
                    yield Record(record.line, {**record.values, **more}, name)
        except FileRefused as e:
            p = e.problem
            raise refuse(p.code, f"{name[:120]!r}: {p.message}", p.remedy, line=p.line, limit=p.limit) from None
        skipped[0] += one.skipped[0]
