"""Small versions and what steps make of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.distill.data.load import load_rows
from jobs.distill.data.split import row_id_of
from jobs.distill.data.transforms import Change, Context, Log, parse_steps, transform, write

Row = dict[str, Any]


def row(question: str, answer: str | None = "yes", line: int = 1, split: str | None = None, **fields: Any) -> Row:
    """A canonical row; `source_id` and `system` among the fields stand where they belong."""
    source_id, system = fields.pop("source_id", None), fields.pop("system", None)
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": question})
    return {
        "row_id": row_id_of(messages, answer), "messages": messages, "answer": answer, "split": split, "line": line,
        "source_id": source_id, "fields": json.dumps(fields, ensure_ascii=False) if fields else None,
    }  # fmt: skip


def version(folder: Path, rows: Iterable[Row], name: str = "rows") -> Path:
    """A file of rows, with ids as an import gives them."""
    path, seen, out = folder / f"{name}.parquet", dict[str, int](), []
    for one in rows:
        n = seen[one["row_id"]] = seen.get(one["row_id"], 0) + 1
        out.append({**one, "row_id": one["row_id"] if n == 1 else f"{one['row_id']}.{n}"})
    write(out, path)
    return path


@dataclass
class Made:
    rows: list[Row]
    logs: list[Log]
    changes: list[Change]

    @property
    def asked(self) -> list[str]:
        return [r["messages"][-1]["content"] for r in self.rows]

    def reasons(self, what: str) -> list[str]:
        return [c.reason for c in self.changes if c.what == what]


def done(folder: Path, rows: Iterable[Row] | Path, *steps: dict[str, Any], **context: Any) -> Made:
    """The rows after the steps, and everything that was said on the way."""
    source = rows if isinstance(rows, Path) else version(folder, rows)
    changes: list[Change] = []
    work = folder / "work"
    work.mkdir(exist_ok=True)
    for old in work.iterdir():
        old.unlink()
    out, logs = transform(source, parse_steps(list(steps)), Context(work, **context), changes.append)
    path = folder / "out.parquet"
    write(out, path)
    return Made(load_rows(path), logs, changes)
