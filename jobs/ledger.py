"""Teacher calls between the engine's ledger on this machine and the database, which every machine reads.

The engine appends each reply to a segment of the team's shared folder, `DATA_DIR/ledger/<team>/<asker>/`, before it hands
it on: that file is the write-ahead. Here its new lines come over in batches while the run goes on, and at the start of an
attempt what other machines have learnt is written back. Both can be repeated: a request stands once with an asker.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import logging
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from jobs.distill.asking.segment import HEAD, Tail, holds, line_of
from jobs.distill.errors import DistillError
from workbench.endpoints import queries
from workbench.endpoints.models import Endpoint, TeacherCall

from .lease import Lease
from .spool import _clean

log = logging.getLogger("jobs.ledger")

BATCH_BYTES = 1024 * 1024
BATCH_ROWS = 500
READ_ROWS = 2000
ASKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
COLUMNS = {"outcome": 12, "finish": 40}  # characters a column takes


def place(team: Any) -> Path:
    """The folder that the runs of a team share on this machine."""
    return Path(settings.DATA_DIR) / "ledger" / str(team)


def writer(lease: Lease) -> str:
    """What the names of a run's segments hold: the run, then the attempt."""
    return f"{_run(lease)}a{lease.attempt}"


def _run(lease: Lease) -> str:
    return lease.run_id.replace("-", "")


class Calls:
    """Brings new lines of a run's segments to the database, those of its earlier attempts on this machine too."""

    def __init__(self, lease: Lease, team: Any, askers: dict[str, Any]) -> None:
        """`askers`: the name of each endpoint's folder -> its id, None where the endpoint is not of the library."""
        self.lease, self.team, self.askers, self.place = lease, team, askers, place(team)
        self._tails: dict[Path, int] = {}

    def flush(self) -> int:
        """Writes one batch; returns how many lines were read, 0 when there was nothing new. Safe to repeat."""
        lines, seen = [], dict[Path, int]()
        room = BATCH_BYTES
        for path in self._segments():
            offset = self._tails.get(path, 0)
            for line, after in _new(path, offset, room):
                lines.append((path, line))
                seen[path] = after
                room -= after - offset
                offset = after
            if room <= 0:
                break
        rows = [row for path, line in lines if (row := self._row(path, line))]
        for start in range(0, len(rows), BATCH_ROWS):
            TeacherCall.objects.bulk_create(rows[start : start + BATCH_ROWS], ignore_conflicts=True)
        self._tails |= seen
        return len(lines)

    def over(self) -> DistillError | None:
        """What to say when a month's cap is reached by all runs together, each of which kept to its own part."""
        for row in Endpoint.objects.filter(pk__in=[pk for pk in self.askers.values() if pk]):
            price, tokens = queries.left_of_month(row)
            if price == 0 or tokens == 0:
                return DistillError(
                    f"The month's budget of {row.name} is spent.",
                    code="BUDGET_SPENT",
                    field="teacher.budget",
                    hint="What was answered is kept. An administrator may raise the month's cap; or use what is there.",
                )
        return None

    def _segments(self) -> list[Path]:
        """Of this run, in the order in which they were begun."""
        found = (self.place / asker for asker in self.askers)
        return sorted((p for f in found for p in f.glob(f"*-{_run(self.lease)}a*-*.jsonl")), key=lambda p: p.name)

    def _row(self, path: Path, line: bytes) -> TeacherCall | None:
        attempt = re.search(r"a(\d+)-[0-9a-f]+\.jsonl$", path.name)
        try:
            row = row_of(path.parent.name, line)
        except (ValueError, KeyError, TypeError, RecursionError):
            log.warning("a line of %s is no reply; left out", path.name)
            return None
        row.team_id, row.run_id = self.team, self.lease.run_id
        row.endpoint_id = self.askers.get(path.parent.name)
        row.attempt = int(attempt[1]) if attempt else self.lease.attempt
        return row


def _new(path: Path, offset: int, room: int) -> Iterator[tuple[bytes, int]]:
    """(whole line, offset after it) from `offset` on: about `room` bytes of them, at least one."""
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            room -= len(line)
            yield line, offset
            if room <= 0:
                return


def row_of(asker: str, line: bytes) -> TeacherCall:
    """A line of the ledger as a row; raises ValueError, KeyError or TypeError for what is none. What PostgreSQL cannot hold (NUL, half of a surrogate pair) is replaced in the
    columns, and the line itself is kept beside them, so that nothing is lost on the way back."""
    if not holds(line):
        raise ValueError("the line was not written to its end")
    record = json.loads(line)
    asked, reply = dict(record["asked"]), dict(record["reply"])
    prompt, answer = asked.pop("messages"), str(reply.pop("text", ""))
    more = {"asked": asked, "reply": reply}
    stored = _clean([prompt, answer, more])
    raw = "" if stored == [prompt, answer, more] else line[HEAD:-1].decode("utf-8")
    texts = {
        name: str(stored[2]["reply"].get(name, "ok" if name == "outcome" else ""))[:n] for name, n in COLUMNS.items()
    }
    numbers = {name: _number(reply.get(name)) for name in ("tokens_in", "tokens_out", "price", "seconds")}
    return TeacherCall(
        asker=asker, request=record["request"], prompt=stored[0], answer=stored[1], more=stored[2], raw=raw, **texts,
        why=str(stored[2]["reply"].get("why", "")), version=str(stored[2]["reply"].get("model", ""))[:200],
        tokens_in=int(numbers["tokens_in"]), tokens_out=int(numbers["tokens_out"]), price=numbers["price"],
        seconds=numbers["seconds"], at=_time(record.get("at")),
    )  # fmt: skip


def line_from(row: TeacherCall) -> bytes:
    """The line of the ledger that a row came from."""
    if row.raw:
        return line_of(json.loads('{"check":"0123456789abcdef",' + row.raw, object_pairs_hook=_without_check))
    asked = {"messages": row.prompt, **row.more.get("asked", {})}
    reply = ({"text": row.answer} if row.answer else {}) | row.more.get("reply", {})
    return line_of({"request": row.request, "at": row.at.timestamp(), "asked": asked, "reply": reply})


def _without_check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {k: v for k, v in pairs if k != "check"}


def write_back(team: Any, askers: Iterable[str]) -> int:
    """Writes what the database knows and this machine does not into the shared folder; returns how many replies."""
    return sum(_write_back(team, asker, place(team) / asker) for asker in askers if ASKER.fullmatch(asker))


def _write_back(team: Any, asker: str, folder: Path) -> int:
    known = TeacherCall.objects.filter(team=team, asker=asker)
    stored = set(known.values_list("request", flat=True).iterator(chunk_size=READ_ROWS))
    missing = sorted(stored - _have(folder)) if stored else []
    if not missing:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns():x}-back-{secrets.token_hex(3)}.jsonl"
    partial = folder / f".{name}.partial"
    with partial.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for start in range(0, len(missing), READ_ROWS):
            for row in known.filter(request__in=missing[start : start + READ_ROWS]):
                file.write(line_from(row))
        file.flush()
        os.fdatasync(file.fileno())
        partial.rename(folder / name)
    log.info("%s replies of %s written back", len(missing), asker)
    return len(missing)


def _have(folder: Path) -> set[str]:
    """Requests whose replies lie on this machine."""
    return {sha for path in folder.glob("*.jsonl") for sha, _ in Tail(path).fresh()}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else 0.0


def _time(value: Any) -> datetime.datetime:
    try:
        return datetime.datetime.fromtimestamp(float(value), datetime.UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return timezone.now()
