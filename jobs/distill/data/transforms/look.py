"""What the limited child answers about transforms: a preview of steps, a page of the diff of two versions."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ...errors import DataRefused
from . import diff
from .base import Change, Context, Row, SourceFile
from .make import refuse_nothing
from .run import transform
from .steps import parse_steps

ROWS, EXAMPLES = 20_000, 20
SHOWN = 600  # characters of one part of an example
PAGE = 20
SEARCHED = 20_000  # rows of a diff whose texts are searched for a word


def preview(request: dict[str, Any]) -> dict[str, Any]:
    """{path, steps, versions, tokenizers, source, rows?} -> what the steps would do, over at most 20,000 rows.

    {before, after, total, complete, steps: [counts, reasons, notes], examples: [{step, what, reason, line, row_id, parts}],
    refusal?: why a version cannot be made of it}. Raises DataRefused with the number of a wrong step.
    """
    path, steps = Path(request["path"]), parse_steps(request.get("steps"))
    at_most = int(request.get("rows") or ROWS)
    total, kept = pq.read_metadata(path).num_rows, dict[tuple[int, str], list[Change]]()

    def sink(change: Change) -> None:
        found = kept.setdefault((change.step, change.what), [])
        if len(found) < EXAMPLES:
            found.append(change)

    with tempfile.TemporaryDirectory() as place:
        rows, logs = transform(path, steps, _context(request, Path(place)), sink, at_most=at_most)
        after = sum(1 for _ in rows)
    out: dict[str, Any] = {
        "before": min(total, at_most),
        "after": after,
        "total": total,
        "complete": total <= at_most,
        "steps": [
            log.as_dict() | {"title": step.title, "words": step.words()} for log, step in zip(logs, steps, strict=True)
        ],
        "examples": [_example(change) for change in _chosen(kept)],
    }
    if out["complete"]:
        try:
            refuse_nothing(logs, after)
        except DataRefused as e:  # told beside the counts
            out["refusal"] = {"message": e.message, "hint": e.hint or ""}
    return out


def _context(request: dict[str, Any], place: Path) -> Context:
    given = request.get("source")
    return Context(
        place,
        versions={name: Path(file) for name, file in (request.get("versions") or {}).items()},
        tokenizers={key: Path(where) for key, where in (request.get("tokenizers") or {}).items()},
        source=SourceFile(Path(given["file"]), given["filename"], given.get("roles") or {}, given.get("options") or {})
        if given
        else None,
    )


def _chosen(kept: dict[tuple[int, str], list[Change]]) -> list[Change]:
    """Twenty at most, in turn from each step and kind of change, so that a large step hides no small one."""
    out: list[Change] = []
    for n in range(EXAMPLES):
        for changes in kept.values():
            if n < len(changes) and len(out) < EXAMPLES:
                out.append(changes[n])
    return sorted(out, key=lambda c: c.step)


def _example(change: Change) -> dict[str, Any]:
    return change.as_dict() | {"parts": _parts(change.before, change.after)}


def _parts(old: Row | None, new: Row | None) -> list[dict[str, Any]]:
    return [{"name": p["name"], "marks": short(p["marks"])} for p in diff.parts(old, new)]


def short(marks: list[list[str]], length: int = SHOWN) -> list[list[str]]:
    """The same marks in fewer characters: long stretches that stay the same lose their middle, others their end."""
    out = []
    for kind, text in marks:
        most = max(60, length // max(1, len(marks))) if kind == "same" else length
        if len(text) > most:
            text = f"{text[: most // 2]} […] {text[-(most // 2) :]}" if kind == "same" else f"{text[:most]} […]"
        out.append([kind, text])
    return out


def page(request: dict[str, Any]) -> dict[str, Any]:
    """{old, new, same_file?, kind?, query?, offset?, limit?} -> {counts, matching, rows: [{kind, line, row_id, parts}], searched}.

    `same_file`: lines of both versions count the lines of one file, so they pair rows whatever the texts say.
    `kind`: changed, added, removed, same; empty: the first three. `query`: rows that have it in a text, case ignored.
    """
    old_path, new_path = Path(request["old"]), Path(request["new"])
    one, two = diff.side(old_path), diff.side(new_path)
    texts_old, texts_new = diff.Texts(old_path), diff.Texts(new_path)

    left = iter(range(SEARCHED))

    def alike(i: int, j: int) -> bool:
        return bool(request.get("same_file")) or (
            next(left, None) is not None and diff.words_in_common(texts_old.row(i), texts_new.row(j))
        )

    found = diff.pairs(one, two, alike)
    kinds = [request["kind"]] if request.get("kind") in diff.KINDS else ["changed", "added", "removed"]
    listed = [(kind, i, j) for kind in kinds for i, j in found[kind]]
    offset, limit = max(0, int(request.get("offset") or 0)), min(100, max(1, int(request.get("limit") or PAGE)))
    query, searched = str(request.get("query") or "").casefold(), None
    if query:
        searched = min(len(listed), SEARCHED)
        listed = [p for p in listed[:SEARCHED] if _has(p, texts_old, texts_new, query)]
    rows = []
    for kind, i, j in listed[offset : offset + limit]:
        a, b = texts_old.row(i) if i is not None else None, texts_new.row(j) if j is not None else None
        row = b or a or {}
        rows.append(
            {"kind": kind, "line": row["line"], "row_id": row["row_id"], "old_row": None if i is None else i + 1,
             "new_row": None if j is None else j + 1, "parts": _parts(a, b if kind != "same" else None)}
        )  # fmt: skip
    return {
        "counts": {k: len(v) for k, v in found.items()},
        "matching": len(listed),
        "rows": rows,
        "searched": searched,
    }


def _has(pair: tuple[str, int | None, int | None], old: diff.Texts, new: diff.Texts, query: str) -> bool:
    _, i, j = pair
    rows = [old.row(i)] if i is not None else []
    rows += [new.row(j)] if j is not None else []
    return any(query in mark[1].casefold() for row in rows for part in diff.parts(row, None) for mark in part["marks"])
