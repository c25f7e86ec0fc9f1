"""Which changes of state are legal, and who makes them. The trigger in migrations/0003 holds the same table in the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from django.db import connection, transaction

Actor = Literal["user", "worker", "reaper"]

# from -> who -> to. A run in `paused` or `failed` goes on only when a person says so; only a worker with the newest
# fence can make a run succeed; only the reaper (or the supervisor that found the corpse, as the reaper) quarantines.
LEGAL: dict[str, dict[Actor, tuple[str, ...]]] = {
    "draft": {"user": ("queued", "cancelled")},
    "queued": {"user": ("paused", "cancelled"), "worker": ("claimed",), "reaper": ("paused", "cancelled")},
    "retry_wait": {"user": ("paused", "cancelled"), "worker": ("claimed",), "reaper": ("paused", "cancelled")},
    "claimed": {
        "worker": ("running", "failed", "retry_wait"),
        "reaper": ("retry_wait", "paused", "cancelled", "quarantined"),
    },
    "running": {
        "worker": ("pausing", "cancelling", "succeeded", "failed", "retry_wait"),
        "reaper": ("retry_wait", "paused", "cancelled", "quarantined"),
    },
    "pausing": {
        "worker": ("paused", "retry_wait", "failed"),
        "reaper": ("paused", "cancelled", "quarantined", "retry_wait"),
    },
    "cancelling": {"worker": ("cancelled",), "reaper": ("cancelled",)},
    "paused": {"user": ("queued", "cancelled")},
    "failed": {"user": ("queued",)},
    "quarantined": {"user": ("queued", "cancelled")},
    "succeeded": {},
    "cancelled": {},
}


def transitions() -> list[tuple[str, str, Actor]]:
    """Every legal (from, to, who)."""
    return [(start, end, actor) for start, by in LEGAL.items() for actor, ends in by.items() for end in ends]


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """A transaction whose state changes are made by `actor`; the trigger refuses changes without one.

    Inside another transaction the actor of that one is put back at the end.
    """
    nested = connection.in_atomic_block
    with transaction.atomic():
        before = _become(actor)
        yield
        if nested:
            _become(before)


def _become(actor: str) -> str:
    """Sets who acts until the transaction ends; returns who it was."""
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('wb.actor', true), set_config('wb.actor', %s, true)", [actor])
        return cursor.fetchone()[0] or ""
