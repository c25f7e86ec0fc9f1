"""Canonical rows for the eye and for spreadsheets: a page of them, and all of them as CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import pyarrow.parquet as pq

from .behind import rows_behind, rows_over
from .families import group_key, group_of, prompt_key
from .findings import BadRow, Change
from .formulas import escape_formula, restore
from .listing import Which, as_csv
from .load import iter_rows
from .options import parse_options
from .scan import scan
from .split import side_of

__all__ = ["escape_formula", "export", "listing", "page", "restore"]
SHOWN = 2000  # characters of one text on a page


def page(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """{rows, matching, total}: rows that match query (in any text, case ignored), label and split, from offset.

    `behind` {path, kind, value}: only the rows behind a number of the profile; `over` {path, tokenizer, cut, alone}: only
    rows longer than a cut. Each row says its `number` in the file, and `note`: why it is here.
    """
    offset, limit = max(0, int(request.get("offset") or 0)), min(200, max(1, int(request.get("limit") or 25)))
    only, total = _only(request), pq.read_metadata(path).num_rows
    if not any(request.get(name) for name in ("query", "label", "split", "unlabelled")):
        numbers = sorted(only) if only is not None else range(1, total + 1)
        found = rows_at(path, numbers[offset : offset + limit])
        return {"rows": [_shown(r, request, only) for r in found], "matching": len(numbers), "total": total}
    rows: list[dict[str, Any]] = []
    matching = 0
    for number, row in enumerate(iter_rows(path), start=1):
        if only is not None and number not in only:
            continue
        row |= {"number": number, "split": _split(row, request)}
        if not _matches(row, request):
            continue
        if offset <= matching < offset + limit:
            rows.append(_shown(row, request, only))
        matching += 1
    return {"rows": rows, "matching": matching, "total": total}


def _only(request: dict[str, Any]) -> dict[int, str] | None:
    """Row number -> why, of the rows behind a number; None: every row."""
    if behind := request.get("behind"):
        return rows_behind(Path(behind["path"]), behind["kind"], behind.get("value") or "")
    if over := request.get("over"):
        return rows_over(Path(over["path"]), over["tokenizer"], int(over["cut"]), bool(over.get("alone")))
    return None


def rows_at(path: Path, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Canonical rows by their number (from 1, ascending), reading only the groups of the file that hold them."""
    out: list[dict[str, Any]] = []
    if not numbers:
        return out
    file, first = pq.ParquetFile(path), 1
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        wanted = [n - first for n in numbers if first <= n < first + size]
        if wanted:
            found = file.read_row_group(group).take(wanted).to_pylist()
            out += [{"split": None, "line": 0, **r, "number": first + n} for n, r in zip(wanted, found, strict=True)]
        first += size
    return out


def _split(row: dict[str, Any], request: dict[str, Any]) -> str:
    """Its own, else by hash: of its group where it has one, which other groups with the same prompt may still move."""
    if row["split"] or row["answer"] is None:
        return row["split"] or "train"
    group = group_of(row)
    return side_of(group_key(group) if group else prompt_key(row), request.get("heldout") or 0.1)


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


def _shown(row: dict[str, Any], request: dict[str, Any], only: dict[int, str] | None) -> dict[str, Any]:
    def cut(text: str) -> str:
        return text if len(text) <= SHOWN else f"{text[:SHOWN]} … ({len(text):,} characters)"

    messages = [{"role": m["role"], "content": cut(m["content"])} for m in row["messages"]]
    note = only.get(row["number"], "") if only else ""
    answer = cut(row["answer"]) if row["answer"] is not None else None
    return {**row, "messages": messages, "answer": answer, "split": _split(row, request), "note": note}


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


def listing(request: dict[str, Any], out: TextIO) -> None:
    """Reads a file again and writes all its refused or changed rows; what refuses the file itself is a line at the end."""
    which: Which = "changed" if request.get("which") == "changed" else "refused"
    out.writelines(as_csv(which, ()))

    def tell(row: BadRow | Change) -> None:
        out.writelines(as_csv(which, [row.as_dict()], header=False))

    found = scan(
        Path(request["path"]),
        request["filename"],
        request.get("roles"),
        parse_options(request.get("options")),
        bad=tell if which == "refused" else None,
        changed=tell if which == "changed" else None,
    )
    for p in found.problems if which == "refused" else ():
        if p.severity == "refuse" and p.code != "no_usable_rows":
            tell(BadRow(p.line or 0, p.message, p.remedy, p.column or ""))
