"""Rows that are folded into rows: a column of lists of objects, each of which is a question or an answer of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from .findings import BadRow, Problem
from .tables import Record, Table

LOOK = 200
TURN = {"role", "from", "content"}  # keys of a conversation's turns, which stay together


def unfold(table: Table, answers: tuple[str, ...]) -> Table:
    """The table with one row for each object of such a column; the same table where there is none.

    Only where no other column is named as answers are, and the objects hold one that is.
    """
    names = set(answers)
    if names & {c.lower() for c in table.columns}:
        return table
    seen = [r.values for r in islice(table.records(), LOOK) if isinstance(r, Record)]
    column = next((c for c in table.columns if _folded(c, seen, names)), None)
    if column is None:
        return table
    keys = list(dict.fromkeys(k for row in seen for one in row.get(column) or [] for k in one))
    named = {k: k if k not in table.columns else f"{column}.{k}" for k in keys}
    at = table.columns.index(column)
    note = Problem(
        "unfolded",
        "confirm",
        f'The column "{column[:60]}" holds a list of objects with {", ".join(keys[:5])}; each object became a row, with the other columns beside it.',
        "Check the rows below.",
    )
    return replace(
        table,
        columns=[*table.columns[:at], *named.values(), *table.columns[at + 1 :]],
        records=lambda: _records(table, column, named),
        notes=[*table.notes, note],
    )


def _folded(column: str, rows: list[dict[str, Any]], answers: set[str]) -> bool:
    values = [v for row in rows if (v := row.get(column)) not in (None, [])]
    if not values or not all(isinstance(v, list) and all(isinstance(one, dict) for one in v) for v in values):
        return False
    keys = {k for v in values for one in v for k in one}
    flat = all(not isinstance(cell, (list, dict)) for v in values for one in v for cell in one.values())
    return flat and bool({k.lower() for k in keys} & answers) and not keys & TURN


def _records(table: Table, column: str, named: dict[str, str]) -> Iterator[Record | BadRow]:
    for record in table.records():
        if isinstance(record, BadRow):
            yield record
            continue
        inner = record.values.get(column)
        rest = {k: v for k, v in record.values.items() if k != column}
        if inner in (None, []):
            yield replace(record, values=rest)
        elif not isinstance(inner, list) or not all(isinstance(one, dict) for one in inner):
            yield BadRow(record.line, "not a list of objects", "Write [{...}, ...].", column)
        else:
            for one in inner:
                yield replace(record, values={**rest, **{named.get(k, k): v for k, v in one.items()}})
