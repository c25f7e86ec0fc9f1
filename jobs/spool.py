"""From the child's events.jsonl into the database, in batches. The file itself is the spool: an outage loses nothing.

`Run.events_seen` moves in the same transaction as the rows, so a batch whose acknowledgement was lost is not written twice.
"""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from .lease import Lease, LeaseLost, Orders

BATCH_BYTES = 1024 * 1024
LINE_BYTES = 256 * 1024

# Not worth a line in the timeline: progress lives in the run's own row, metrics in their table, the report with the run.
NOT_IN_TIMELINE = ("progress", "metric", "report")

LOCK = "select events_seen, desired, state from runs_run where id = %(id)s and fence = %(fence)s for update"
MOVE = """
update runs_run set events_seen = %(last)s, progress = coalesce(%(progress)s::jsonb, progress), phase = coalesce(%(phase)s, phase)
where id = %(id)s and fence = %(fence)s
"""
# How far a run has come: the number of different checkpoints over all attempts. Saving the same one again is no progress.
CHECKPOINTS = """
update runs_run set last_ckpt_step = greatest(last_ckpt_step, (select count(distinct (data->>'stage', data->>'step'))
  from runs_runevent where run_id = %(id)s and type = 'checkpoint')) where id = %(id)s and fence = %(fence)s
"""


class Spool:
    """Reads what is new in the file and brings it to the database."""

    def __init__(self, lease: Lease, folder: Path) -> None:
        self.lease = lease
        self.path = folder / "events.jsonl"
        self._offset = 0
        self._n = 0

    def read(self) -> tuple[list[dict[str, Any]], int]:
        """The next whole lines, at most about BATCH_BYTES of them, and the offset after them."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read(BATCH_BYTES)
        except FileNotFoundError:
            return [], self._offset
        end = data.rfind(b"\n") + 1
        if not end and len(data) == BATCH_BYTES:
            end = len(data)  # a monstrous line: let it go
        return [e for line in data[:end].splitlines() if (e := _parse(line))], self._offset + end

    def flush(self) -> Orders | None:
        """Writes one batch; None when there was nothing new. Raises LeaseLost; after any other error simply call it again."""
        events, offset = self.read()
        orders = self._write(list(enumerate(events, self._n + 1))) if events else None
        self._offset, self._n = offset, self._n + len(events)
        return orders

    def _write(self, numbered: list[tuple[int, dict[str, Any]]]) -> Orders:
        who: dict[str, Any] = {"id": self.lease.run_id, "fence": self.lease.fence}
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(LOCK, who)
            if (row := cursor.fetchone()) is None:
                raise LeaseLost(f"run {self.lease.run_id}: fence {self.lease.fence} is no longer the newest")
            events = [event for n, event in numbered if n > row[0]]
            if events:
                cursor.execute(MOVE, {**who, "last": numbered[-1][0], **_newest(events)})
                self._copy(cursor, events)
                if any(e["type"] == "checkpoint" for e in events):
                    cursor.execute(CHECKPOINTS, who)
                cursor.execute("select pg_notify('run_changed', %s)", [self.lease.run_id])
        return Orders(*row[1:])

    def _copy(self, cursor: Any, events: list[dict[str, Any]]) -> None:
        lease = self.lease
        timeline = [e for e in events if e["type"] not in NOT_IN_TIMELINE]
        with cursor.copy("copy runs_runevent (run_id, type, attempt, fence, data, at) from stdin") as copy:
            for e in timeline:
                data = {k: v for k, v in e.items() if k not in ("type", "at")}
                copy.write_row((lease.run_id, e["type"][:16], lease.attempt, lease.fence, json.dumps(data), _time(e)))
        with cursor.copy("copy runs_metric (run_id, attempt, arm, name, step, value, at) from stdin") as copy:
            for e in events:
                for name, value in _values(e):
                    copy.write_row(
                        (
                            lease.run_id,
                            lease.attempt,
                            str(e.get("arm", "student"))[:8],
                            name,
                            e["step"],
                            value,
                            _time(e),
                        )
                    )


def _parse(line: bytes) -> dict[str, Any] | None:
    """An event, cleaned of what PostgreSQL cannot hold; None for what is no event."""
    if len(line) > LINE_BYTES:
        return None
    try:
        event = _clean(json.loads(line, parse_constant=lambda _: None))
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None


def _clean(value: Any) -> Any:
    """No NUL characters, no lone surrogates, no numbers that overflowed to infinity."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {_clean(k): _clean(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_clean(v) for v in value]
    return value


def _values(event: dict[str, Any]) -> list[tuple[str, float]]:
    """Finite numbers of a metric event."""
    values = event.get("values")
    if event["type"] != "metric" or not isinstance(values, dict) or type(event.get("step")) is not int:
        return []
    return [(str(k)[:60], float(v)) for k, v in values.items() if type(v) in (int, float) and math.isfinite(v)]


def _newest(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Progress and phase as of the last event that has them."""
    progress = phase = None
    for e in events:
        if e["type"] == "phase":
            phase = str(e.get("phase", ""))[:12]
            progress = {"done": 0, "total": e.get("total"), "phase": phase, "stage": e.get("stage")}
        elif e["type"] == "progress":
            progress = {k: e.get(k) for k in ("done", "total", "unit", "rate", "eta", "phase")}
    return {"progress": json.dumps(progress) if progress else None, "phase": phase}


def _time(event: dict[str, Any]) -> datetime.datetime:
    try:
        return datetime.datetime.fromtimestamp(float(event["at"]), datetime.UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return datetime.datetime.now(datetime.UTC)
