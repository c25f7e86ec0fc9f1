"""Steps over rows: read, changed step by step, written as new rows; every touched row is handed to a sink."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import DistillError
from ..limits import LIMITS
from ..load import GROUP_ROWS, iter_rows
from ..schema import SCHEMA
from .base import Change, Context, Log, Row, Step
from .steps import refused

Rows = Callable[[], Iterable[Row]]  # rows that can be read again


def transform(
    source: Path,
    steps: Sequence[Step],
    context: Context,
    sink: Callable[[Change], None],
    *,
    at_most: int | None = None,
    tick: Callable[[int, int], None] | None = None,
) -> tuple[Iterator[Row], list[Log]]:
    """(rows after all steps, with unique ids; a log of each step, complete once the rows have been read).

    `at_most` reads only so many of the source's rows. `tick` is told (step, rows that came to it). Raises DataRefused with
    the number of the step.
    """

    def start() -> Iterator[Row]:
        for at, row in enumerate(islice(iter_rows(source), at_most), 1):
            row["_at"] = at
            yield row

    logs: list[Log] = []
    rows: Rows = start
    for n, step in enumerate(steps, 1):
        log = Log(n, step.name, sink)
        logs.append(log)
        again = rows if rows is start else _kept(rows, context.folder / f"step-{n}.parquet") if step.looks else rows
        rows = _stage(step, log, again, context, tick)
    return _with_own_ids(rows()), logs


def _stage(step: Step, log: Log, rows: Rows, context: Context, tick: Callable[[int, int], None] | None) -> Rows:
    """One step between the rows before it and those after it; what goes wrong in it names it."""

    def counted() -> Iterator[Row]:
        for row in rows():
            log.rows_in += 1
            if tick and log.rows_in % 1000 == 0:
                tick(log.step, log.rows_in)
            yield row

    def after() -> Iterator[Row]:
        try:
            seen = step.look(rows(), context) if step.looks else None
            for row in step.rows(counted(), log, context, seen):
                log.rows_out += 1
                if log.rows_out > LIMITS.rows:
                    raise refused(log.step, step.name, "", f"more than {LIMITS.rows:,} rows would come of it")
                yield row
        except DistillError as e:
            raise _placed(e, log) from None

    return after


def _placed(e: DistillError, log: Log) -> DistillError:
    """The error with the number of its step, once."""
    if e.field and e.field.startswith("steps."):
        return e
    placed = refused(log.step, log.kind, e.field or "", e.message, e.hint)
    e.message, e.field, e.args = placed.message, placed.field, placed.args
    return e


def _kept(rows: Rows, path: Path) -> Rows:
    """Rows that can be read twice: written down when they are first asked for."""

    def again() -> Iterator[Row]:
        if not path.exists():
            write(rows(), path, pa.schema([*SCHEMA, ("_at", pa.int64())]))
        yield from iter_rows(path)

    return again


def _with_own_ids(rows: Iterable[Row]) -> Iterator[Row]:
    """Ids as an import gives them: a copy of an earlier row has .2, .3 ... behind its content's id."""
    taken: set[str] = set()
    times: dict[str, int] = {}
    for row in rows:
        if (row_id := row["row_id"]) in taken:
            base = row_id.partition(".")[0]
            n = times.get(base, 1) + 1
            while f"{base}.{n}" in taken:
                n += 1
            times[base] = n
            row_id = f"{base}.{n}"
        taken.add(row_id)
        yield {**row, "row_id": row_id}


def write(rows: Iterable[Row], path: Path, schema: pa.Schema = SCHEMA, seen: Callable[[Row], Any] | None = None) -> int:
    """Writes rows as an import does; the file appears only when it is whole. Returns their number."""
    part, written, buffer = path.with_suffix(".part"), 0, list[Row]()
    try:
        with pq.ParquetWriter(part, schema, compression="zstd") as file:
            for row in rows:
                written += 1
                if seen:
                    seen(row)
                buffer.append(row)
                if len(buffer) >= GROUP_ROWS:
                    file.write_table(pa.Table.from_pylist(buffer, schema=schema))
                    buffer.clear()
            if buffer:
                file.write_table(pa.Table.from_pylist(buffer, schema=schema))
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    part.replace(path)
    return written
