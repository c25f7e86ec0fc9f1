"""Canonical rows for the eye and for spreadsheets: a page of them, and all of them as CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, TextIO

from .load import iter_rows
from .split import split_of

FORMULA = ("=", "+", "-", "@", "\t", "\r")
SHOWN = 2000  # characters of one text on a page


def page(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """{rows, matching, total}: rows that match query (in any text, case ignored), label and split, from offset."""
    offset, limit = max(0, int(request.get("offset") or 0)), min(200, max(1, int(request.get("limit") or 25)))
    rows: list[dict[str, Any]] = []
    matching = total = 0
    for row in iter_rows(path):
        total += 1
        row["split"] = row["split"] or (
            split_of(row["row_id"], request.get("heldout") or 0.1) if row["answer"] is not None else "train"
        )
        if not _matches(row, request):
            continue
        if offset <= matching < offset + limit:
            rows.append(_shown(row))
        matching += 1
    return {"rows": rows, "matching": matching, "total": total}


def _matches(row: dict[str, Any], request: dict[str, Any]) -> bool:
    if (split := request.get("split")) and row["split"] != split:
        return False
    if (label := request.get("label")) is not None and row["answer"] != label:
        return False
    if request.get("unlabelled") and row["answer"] is not None:
        return False
    query = str(request.get("query") or "").casefold()
    return not query or any(
        query in text.casefold() for text in (*(m["content"] for m in row["messages"]), row["answer"] or "")
    )


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    def cut(text: str) -> str:
        return text if len(text) <= SHOWN else f"{text[:SHOWN]} … ({len(text):,} characters)"

    messages = [{"role": m["role"], "content": cut(m["content"])} for m in row["messages"]]
    return {**row, "messages": messages, "answer": cut(row["answer"]) if row["answer"] is not None else None}


def export(path: Path, out: TextIO) -> None:
    """CSV with columns system, user, answer, split, id (messages as JSON where a row has more turns)."""
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["line", "split", "system", "user", "answer", "messages"])
    for row in iter_rows(path):
        turns = row["messages"]
        system = turns[0]["content"] if turns[0]["role"] == "system" else ""
        simple = len(turns) == (2 if system else 1)
        conversation = "" if simple else json.dumps(turns, ensure_ascii=False)
        cells = [system, turns[-1]["content"], row["answer"] or "", conversation]
        writer.writerow([row["line"], row["split"] or "", *map(escape_formula, cells)])


def escape_formula(cell: str) -> str:
    """An apostrophe before what a spreadsheet would run, and before an apostrophe, so that `restore` is exact."""
    return "'" + cell if cell.startswith((*FORMULA, "'")) else cell


def restore(cell: str) -> str:
    """The text that `escape_formula` was given."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*FORMULA, "'")) else cell
