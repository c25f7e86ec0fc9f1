"""Parquet, row group by row group with a budget counted on what was decoded: sizes in its metadata are no guard."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .findings import BadRow, Problem, refuse
from .limits import count, size
from .source import Source, check_expansion
from .strict_json import Number
from .tables import Record, Table

FLAT_BATCH, NESTED_BATCH = 2048, 64


def table(source: Source) -> Table:
    """Table of a Parquet file; raises FileRefused for damaged files and for columns or rows over the limits."""
    _check_footer(source)
    file = _open(source)
    schema, rows = file.schema_arrow, file.metadata.num_rows
    if rows > source.limits.rows:
        raise refuse(
            "too_many_rows",
            f"{rows:,} rows: more than {source.limits.rows:,} rows.",
            "Upload it in parts.",
            limit=source.limits.rows,
        )
    if rows == 0:
        raise refuse("no_rows", "The Parquet file has columns but no rows.", "Upload a file with rows.")
    if len(schema) > source.limits.columns:
        raise refuse(
            "columns",
            f"{len(schema):,} columns; the limit is {source.limits.columns}.",
            "Keep the columns that hold the text, the answer and the split.",
        )
    _check_groups(file, source)
    usable = [f.name for f in schema if _supported(f.type)]
    left = [f"{f.name} ({f.type})" for f in schema if f.name not in usable]
    if not usable:
        raise refuse("columns", f"No column holds text: {', '.join(left[:5])}.", "Save the text as a string column.")
    out = Table("parquet", usable, lambda: _records(source, usable), encoding="UTF-8")
    if left:
        out.notes.append(
            Problem(
                "columns_ignored",
                "confirm",
                f"{count(len(left), 'column')} ignored, not text: {', '.join(left[:5])}.",
                "Turn them into text if you need them.",
            )
        )
    return out


def _check_footer(source: Source) -> None:
    whole = source.whole()
    with whole if isinstance(whole, io.BytesIO) else whole.open("rb") as raw:
        length = raw.seek(0, io.SEEK_END)
        raw.seek(max(0, length - 8))
        tail = raw.read(8)
    if length < 12 or tail[4:] != b"PAR1":
        raise refuse(
            "parquet_damaged",
            "Not a readable Parquet file: the footer is missing; the upload may be cut short.",
            "Upload the file again.",
        )
    footer = struct.unpack("<I", tail[:4])[0]
    if footer > length - 12:
        raise refuse(
            "parquet_damaged",
            f"Not a readable Parquet file: its footer claims {size(footer)}, the file has {size(length)}.",
            "Write the file again and upload it.",
        )


def _open(source: Source) -> pq.ParquetFile:
    try:
        plain = pq.ParquetFile(source.whole(), thrift_string_size_limit=16 << 20, thrift_container_size_limit=1 << 20)
        texts = [f.name for f in plain.schema_arrow if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
        return pq.ParquetFile(
            source.whole(),
            read_dictionary=texts,
            thrift_string_size_limit=16 << 20,
            thrift_container_size_limit=1 << 20,
        )
    except (pa.ArrowException, OSError, ValueError, OverflowError) as e:
        raise refuse(
            "parquet_damaged", f"Not a readable Parquet file: {_short(e)}.", "Write the file again and upload it."
        ) from None


def _check_groups(file: pq.ParquetFile, source: Source) -> None:
    for i in range(file.metadata.num_row_groups):
        total = file.metadata.row_group(i).total_byte_size
        if total > source.limits.row_group:
            raise refuse(
                "row_group",
                f"Row group {i + 1} holds {size(total)}; the limit is {size(source.limits.row_group)}.",
                "Write the file with smaller row groups (row_group_size=10000).",
            )


def _supported(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _supported(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _supported(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_supported(kind.field(i).type) for i in range(kind.num_fields))
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    )


def _records(source: Source, columns: list[str]) -> Iterator[Record | BadRow]:
    file, line, unpacked = _open(source), 0, 0
    nested = any(
        pa.types.is_nested(file.schema_arrow.field(c).type)
        and not pa.types.is_dictionary(file.schema_arrow.field(c).type)
        for c in columns
    )
    try:
        for batch in file.iter_batches(batch_size=NESTED_BATCH if nested else FLAT_BATCH, columns=columns):
            values = [_plain(batch.column(name)) for name in columns]
            for row in zip(*values, strict=True):
                line += 1
                unpacked += sum(len(v) for v in row if isinstance(v, str))
                check_expansion(unpacked, source.size, source.limits)
                yield Record(line, dict(zip(columns, row, strict=True)))
            unpacked += batch.nbytes if nested else 0
    except (pa.ArrowException, OSError, UnicodeDecodeError) as e:
        raise refuse(
            "parquet_damaged",
            f"Not a readable Parquet file after row {line:,}: {_short(e)}.",
            "Write the file again and upload it.",
        ) from None


def _plain(column: pa.Array) -> list[Any]:
    """Python values; texts of a dictionary are made once and shared, so that a repeated text costs nothing."""
    if pa.types.is_dictionary(column.type):
        words = column.dictionary.to_pylist()
        return [None if i is None else _value(words[i]) for i in column.indices.to_pylist()]
    return [_value(v) for v in column.to_pylist()]


def _value(v: Any) -> Any:
    if isinstance(v, float):
        return None if math.isnan(v) else Number(repr(v))
    if isinstance(v, int) and not isinstance(v, bool):
        return Number(v)
    if isinstance(v, list):
        return [_value(x) for x in v]
    return {k: _value(x) for k, x in v.items()} if isinstance(v, dict) else v


def _short(e: Exception) -> str:
    return str(e).split("\n")[0].strip(". ")[:160]
