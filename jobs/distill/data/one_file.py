"""Several files of one format as one, row after row and nothing changed; where rows come from several splits a column says which."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, AnyStr

from ..errors import DataRefused
from .limits import size

FIELD = 4 * 1024**2
PARQUET_ROWS = 10_000

Piece = tuple[str, Path]  # split, file


def join(pieces: Sequence[Piece], format: str, target: Path, most_bytes: int) -> Path:
    """One file at `target` (with the format's ending). Raises DataRefused when the files do not fit together or grow too large."""
    target = target.with_name(f"{target.name}.{format}")
    target.parent.mkdir(parents=True, exist_ok=True)
    named = len({split for split, _ in pieces}) > 1
    write = {"parquet": _parquet, "jsonl": _lines, "csv": _table, "tsv": _table}[format]
    try:
        write(pieces, target, named, most_bytes)
    except (EOFError, gzip.BadGzipFile, zlib.error) as e:
        raise DataRefused(
            f"A file is packed with gzip and damaged or cut short: {str(e)[:160]}.",
            field="split",
            hint="Choose a split whose files are whole, or tell whoever publishes them.",
        ) from None
    return target


def _parquet(pieces: Sequence[Piece], target: Path, named: bool, most: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pa.unify_schemas([pq.read_schema(path).remove_metadata() for _, path in pieces])
        column = _free("split", schema.names)
        whole = schema.append(pa.field(column, pa.string())) if named else schema
        with pq.ParquetWriter(target, whole, compression="zstd") as writer:
            for split, path in pieces:
                for batch in pq.ParquetFile(path).iter_batches(PARQUET_ROWS):
                    table = pa.Table.from_batches([batch])
                    if named:
                        table = table.append_column(column, pa.array([split] * table.num_rows, pa.string()))
                    writer.write_table(_in_order(table, whole))
                    _check(target.stat().st_size, most)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as e:
        if isinstance(e, OSError) and e.errno:
            raise
        raise DataRefused(
            f"The Parquet files do not fit together: {str(e).splitlines()[0][:200]}.",
            field="split",
            hint="Choose one split.",
        ) from None


def _in_order(table: Any, schema: Any) -> Any:
    """The columns as the first file has them; a column that a file lacks is empty there."""
    import pyarrow as pa

    columns = [
        table[f.name].cast(f.type) if f.name in table.column_names else pa.nulls(table.num_rows, f.type) for f in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _lines(pieces: Sequence[Piece], target: Path, named: bool, most: int) -> None:
    done = 0
    with target.open("wb") as out:
        for split, path in pieces:
            name = ""
            with _open(path) as lines:
                for number, line in enumerate(_bounded(lines), start=1):
                    text = line.strip().removeprefix(b"\xef\xbb\xbf")
                    if not text:
                        continue
                    if number == 1 and not text.startswith(b"{"):
                        raise DataRefused(
                            f"{path.name} is one JSON document, not one object a line, so it cannot be put together with others.",
                            field="split",
                            hint="Choose one split that has one file.",
                        )
                    # A line that is no object stays what it is, to be refused as such.
                    if named and text.startswith(b"{"):
                        name = name or _name_in(text)
                        text = _with_field(name, split, text)
                    done += out.write(text + b"\n")
                    _check(done, most)


def _name_in(text: bytes) -> str:
    """What the split is called in a file that begins with this line."""
    try:
        first = json.loads(text)
    except (ValueError, RecursionError):
        first = {}
    return _free("split", list(first) if isinstance(first, dict) else [])


def _with_field(name: str, split: str, text: bytes) -> bytes:
    """The object with one more field before its own."""
    rest = text[1:].lstrip()
    comma = "" if rest.startswith(b"}") else ", "
    return f"{{{json.dumps(name)}: {json.dumps(split)}{comma}".encode() + rest


def _table(pieces: Sequence[Piece], target: Path, named: bool, most: int) -> None:
    csv.field_size_limit(FIELD)
    mark = "\t" if target.suffix == ".tsv" else ","
    header: list[str] = []
    done = 0
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=mark, lineterminator="\n")
        for split, path in pieces:
            rows = _records(path, mark)
            own = next(rows, [])
            if not header:
                header = own
                writer.writerow([*own, _free("split", own)] if named else own)
            elif own != header:
                raise DataRefused(
                    f"{path.name} has other columns than the file before it: {', '.join(own)[:200]}; before: {', '.join(header)[:200]}.",
                    field="split",
                    hint="Choose one split.",
                )
            for row in rows:
                writer.writerow([*row, split] if named else row)
                done += sum(map(len, row)) + len(row)
                _check(done, most)


def _records(path: Path, mark: str) -> Iterator[list[str]]:
    import io

    try:
        with _open(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:  # type: ignore[type-var]
            yield from (row for row in csv.reader(_bounded(text), delimiter=mark, strict=True) if row)
    except (csv.Error, UnicodeDecodeError) as e:
        raise DataRefused(
            f"{path.name} cannot be put together with the others: {e}.",
            field="split",
            hint="Choose one split that has one file: it is then taken as it is.",
        ) from None


def _open(path: Path) -> Any:
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")


def _bounded(lines: IO[AnyStr]) -> Iterator[AnyStr]:
    """Lines of at most FIELD bytes or characters: a packed file may hold gigabytes without a line's end."""
    while line := lines.readline(FIELD + 1):
        if len(line) > FIELD:
            raise DataRefused(f"A line is longer than {size(FIELD)}.", hint="Choose another split.")
        yield line


def _free(name: str, taken: Sequence[str]) -> str:
    return name if name not in taken else next(n for i in range(2, 1000) if (n := f"hub_{name}_{i}") not in taken)


def _check(done: int, most: int) -> None:
    if done > most:
        raise DataRefused(
            f"The files together have more than {size(most)}, the most that is taken at once.",
            field="split",
            hint="Choose one split.",
        )
