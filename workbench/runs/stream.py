"""The live stream of a run: server-sent events whose ids are RunEvent ids, so that a reconnect misses and repeats nothing.

`event: <type>` with `id:` for every RunEvent after the last one seen; `event: run` without id when state, phase or
progress changed; `event: end` when the run has ended and everything was sent.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import connection

from .models import Run, RunEvent

POLL_SECONDS = 1.0
LONGEST_SECONDS = 300.0  # then the browser reconnects, and access is checked again
BATCH = 500
LARGEST_ID = 2**63 - 1


def last_seen(header: str | None, query: str | None) -> int:
    """The event id to continue after. Anything that is not a plausible id counts as 0: replay from the start."""
    text = header if header else (query or "")
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return 0
    return min(int(text), LARGEST_ID)


def _poll(run_id: UUID, after: int) -> tuple[list[RunEvent], dict[str, Any] | None, bool]:
    """New events, the run in short (None: it is gone) and whether it has ended. The connection goes back at once."""
    try:
        run = Run.objects.filter(pk=run_id).first()
        if run is None:
            return [], None, True
        events = list(RunEvent.objects.filter(run_id=run_id, id__gt=after).order_by("id")[:BATCH])
        return events, {"state": run.state, "phase": run.phase, "progress": run.progress}, run.is_ended
    finally:
        if not connection.in_atomic_block:
            connection.close()


def message(event: str, data: Any, id: int | None = None) -> bytes:
    """One server-sent event; JSON escapes line breaks, so text of users cannot start a new field."""
    head = f"id: {id}\n" if id is not None else ""
    return f"{head}event: {event}\ndata: {json.dumps(data, ensure_ascii=True)}\n\n".encode()


async def events(run_id: UUID, after: int) -> AsyncIterator[bytes]:
    """Yields messages until the run ends or LONGEST_SECONDS have passed."""
    yield b"retry: 2000\n\n"
    started, shown = time.monotonic(), None
    while time.monotonic() - started < LONGEST_SECONDS:
        new, summary, ended = await sync_to_async(_poll)(run_id, after)
        for event in new:
            after = event.id
            yield message(event.type, {"at": event.at.timestamp(), "attempt": event.attempt, **event.data}, event.id)
        if summary != shown:
            shown = summary
            yield message("run", summary)
        if ended and len(new) < BATCH:
            yield message("end", summary)
            return
        if not new:
            yield b": still here\n\n"
        if len(new) < BATCH:
            await asyncio.sleep(POLL_SECONDS)
