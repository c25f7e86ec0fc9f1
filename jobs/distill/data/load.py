"""Canonical rows to and from Parquet, and files of a hand-run recipe made canonical on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import DataRefused
from .findings import BadRow
from .options import Options
from .rows import Row
from .scan import scan
from .schema import SCHEMA

GROUP_ROWS, GROUP_CHARS = 10_000, 32 * 2**20  # a group is written when it holds as many rows, or as much text


class RowsWriter:
    """Writes canonical rows in groups of at most ten thousand; the file appears under its name only when it is whole."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = Path(path), 0
        self._part = self.path.with_suffix(".part")
        self._file = pq.ParquetWriter(self._part, SCHEMA, compression="zstd")
        self._buffer: list[dict[str, Any]] = []
        self._chars = 0

    def add(self, row: Row) -> None:
        self._buffer.append(row.as_dict())
        self.rows += 1
        self._chars += sum(len(m["content"]) for m in row.messages) + len(row.answer or "")
        self._chars += sum(len(v) for v in row.fields.values() if isinstance(v, str)) if row.fields else 0
        if len(self._buffer) >= GROUP_ROWS or self._chars >= GROUP_CHARS:
            self._flush()

    def _flush(self) -> None:
        self._file.write_table(pa.Table.from_pylist(self._buffer, schema=SCHEMA))
        self._buffer.clear()
        self._chars = 0

    def close(self) -> None:
        if self._buffer:
            self._flush()
        self._file.close()
        self._part.replace(self.path)

    def discard(self) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)


def iter_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Canonical rows one by one, in the order of the file; missing optional columns are None. Raises DataRefused."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as e:
        raise DataRefused(
            f"The rows cannot be read: {str(e).splitlines()[0]}.", hint="Import the dataset again."
        ) from None
    missing = {"row_id", "messages", "answer"} - set(file.schema_arrow.names)
    if missing:
        raise DataRefused(
            f"These are not canonical rows: no column {', '.join(sorted(missing))}.",
            hint="Import the file, or name it in the recipe under data.file.",
        )
    for batch in file.iter_batches(batch_size=2048):
        for row in batch.to_pylist():
            yield {"split": None, "line": 0, **row}


def load_rows(path: Path) -> list[dict[str, Any]]:
    """All canonical rows: row_id, messages [{role, content}] ending with a user turn, answer or None, split or None, line."""
    return list(iter_rows(path))


def is_canonical(path: Path) -> bool:
    try:
        return {"row_id", "messages", "answer"} <= set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError):
        return False


def read_any(
    path: Path,
    roles: dict[str, str] | None = None,
    options: Options = Options(accepted=("open_ended",)),  # noqa: B008 - frozen
) -> list[dict[str, Any]]:
    """Canonical rows of any supported file, for runs without the web app.

    Problems that a person confirms on the page pass here; refused rows do not: raises DataRefused naming the first.
    Rows without an answer are unlabelled.
    """
    path = Path(path)
    if not path.is_file():
        raise DataRefused(
            f"data.file: there is no file {path.name!r}.",
            field="data.file",
            hint="Check the path; it is relative to where the command runs.",
        )
    if not roles and is_canonical(path):
        return load_rows(path)
    rows: list[dict[str, Any]] = []
    bad: list[BadRow] = []
    found = scan(path, path.name, roles or None, options, good=lambda r: rows.append(r.as_dict()), bad=bad.append)
    found.accepted = [*found.accepted, "no_answers", *(p.code for p in found.problems if p.severity == "confirm")]
    found.raise_if_refused()
    return rows
