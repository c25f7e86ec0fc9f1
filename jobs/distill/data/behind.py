"""The rows behind every number: kind of finding -> rows of the file, kept as Parquet beside the profile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import DataRefused

MOST = 100_000  # rows kept for one number
SCHEMA = pa.schema(
    [
        ("kind", pa.dictionary(pa.int32(), pa.string())),
        ("value", pa.dictionary(pa.int32(), pa.string())),
        ("row", pa.int32()),
        ("other", pa.int32()),  # the row it goes with; null: none
        ("note", pa.string()),
    ]
)


class Behind:
    """Collects rows (numbers from 1) under a kind and a value of it, such as ("language", "German")."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, int, int | None, str]] = []
        self._kept: Counter[tuple[str, str]] = Counter()

    def add(self, kind: str, value: str, row: int, other: int | None = None, note: str = "") -> None:
        self._kept[kind, value] += 1
        if self._kept[kind, value] <= MOST:
            self._rows.append((kind, value, row, other, note))

    def write(self, path: Path) -> None:
        columns: list[Any] = list(zip(*self._rows, strict=True)) if self._rows else [[]] * len(SCHEMA)
        arrays = [pa.array(c, type=f.type) for c, f in zip(columns, SCHEMA, strict=True)]
        pq.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), path, compression="zstd")


def rows_behind(path: Path, kind: str, value: str) -> dict[int, str]:
    """Row number -> note (with the row it goes with), of one kind and value; '' as value: of every value."""
    wanted: list[tuple[str, str, str]] = [("kind", "=", kind)]
    if value:
        wanted.append(("value", "=", value))
    table = _read(path, wanted)
    out: dict[int, str] = {}
    for row, other, note in zip(*(table.column(n).to_pylist() for n in ("row", "other", "note")), strict=True):
        words = note or (f"with row {other:,}" if other is not None else "")
        if row not in out:
            out[row] = words
        elif words and len(out[row]) < 200:
            out[row] = f"{out[row]}; {words}"
    return out


def write_lengths(path: Path, numbers: Sequence[int], measured: Mapping[str, dict[str, Any]]) -> None:
    """One line a measured row: its number, and tokens of prompt and answer for each tokenizer; null: not measured."""
    columns: dict[str, pa.Array] = {"row": pa.array(numbers, type=pa.int32())}
    for name, found in measured.items():
        for part in ("prompts", "answers"):
            values = np.full(len(numbers), -1, dtype=np.int64)
            values[:: found["step"]] = found[part]
            columns[f"{name}.{part}"] = pa.array(values, type=pa.int32(), mask=values < 0)
    pq.write_table(pa.table(columns), path, compression="zstd")


def rows_over(path: Path, tokenizer: str, cut: int, alone: bool = False) -> dict[int, str]:
    """Rows longer than `cut` tokens for a tokenizer (its vocab_sha256); `alone`: whose answer by itself fills the cut."""
    try:
        table = pq.read_table(path, columns=["row", f"{tokenizer}.prompts", f"{tokenizer}.answers"])
        found = [table.column(i).to_pylist() for i in range(3)]
    except (pa.ArrowException, OSError, IndexError):
        raise DataRefused("These rows were not measured with this tokenizer.", hint="Measure them again.") from None
    return {
        row: f"{p + a:,} tokens, {a:,} of them answer"
        for row, p, a in zip(*found, strict=True)
        if p is not None and (a >= cut if alone else p + a > cut)
    }


def _read(path: Path, wanted: list[tuple[str, str, str]]) -> pa.Table:
    try:
        return pq.read_table(path, filters=wanted)
    except (pa.ArrowException, OSError):
        raise DataRefused("The rows behind this number cannot be read.", hint="Measure the rows again.") from None
