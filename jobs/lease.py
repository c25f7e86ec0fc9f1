"""The lease on a run: claim, renew, begin, release. Every write carries the fence; no row means the lease is lost.

All times are PostgreSQL's: workers never compare clocks. Renewal needs only the fence, so that a long outage of the
database costs nothing when nobody took the run over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection

from workbench.runs.state import acting


class LeaseLost(Exception):
    """Somebody else owns the run now: stop the child and write nothing more."""


@dataclass(frozen=True)
class Lease:
    """One attempt of one run by one owner. `attempt` and `fence` name its folder."""

    run_id: str
    kind: str
    attempt: int
    fence: int


@dataclass(frozen=True)
class Orders:
    """What the row says the attempt should do: desired is run, pause or cancel."""

    desired: str
    state: str


CLAIM = """
with next as (
  select id from runs_run where state in ('queued', 'retry_wait') and desired = 'run' and queue = %(queue)s and not_before <= clock_timestamp()
    and exists (select 1 from runs_slot where id = %(slot)s and not draining)
  order by priority desc, not_before, number limit 1 for update skip locked)
update runs_run set state = 'claimed', fence = fence + 1, attempt = attempt + 1, slot_id = %(slot)s, owner = %(owner)s,
  lease_until = clock_timestamp() + %(ttl)s * interval '1 second', reap_seen = null, events_seen = 0, wait_reason = '', phase = '',
  started_at = coalesce(started_at, now())
from next where runs_run.id = next.id returning runs_run.id::text, runs_run.kind, runs_run.attempt, runs_run.fence
"""

HEARTBEAT = """
update runs_run set lease_until = clock_timestamp() + %(ttl)s * interval '1 second', reap_seen = null,
  last_ckpt_step = greatest(last_ckpt_step, %(step)s)
where id = %(id)s and fence = %(fence)s and lease_until is not null returning desired, state
"""

RELEASE = """
update runs_run set state = %(state)s, slot_id = null, lease_until = null, owner = null, reap_seen = null,
  error = %(error)s, wait_reason = %(reason)s, last_ckpt_step = greatest(last_ckpt_step, %(step)s),
  not_before = clock_timestamp() + %(delay)s * interval '1 second',
  finished_at = case when %(state)s in ('failed', 'cancelled') then now() end
where id = %(id)s and fence = %(fence)s returning state
"""


def claim(queue: str, slot_id: int, owner: str) -> Lease | None:
    """Takes the next ready run of the queue for this slot; None when nothing waits, the slot drains, or its last run still holds it."""
    try:
        with acting("worker"), connection.cursor() as cursor:
            cursor.execute(CLAIM, {"queue": queue, "slot": slot_id, "owner": owner, "ttl": settings.LEASE_SECONDS})
            row = cursor.fetchone()
    except IntegrityError:
        return None
    return Lease(*row) if row else None


def heartbeat(lease: Lease, step: int = 0) -> Orders:
    """Renews the lease, registers the newest checkpoint's step, brings back pause and cancel. Raises LeaseLost."""
    with connection.cursor() as cursor:
        cursor.execute(
            HEARTBEAT, {"id": lease.run_id, "fence": lease.fence, "step": step, "ttl": settings.LEASE_SECONDS}
        )
        return Orders(*_row(cursor, lease))


def orders(lease: Lease) -> Orders:
    """What the row asks for now, without renewing anything. Raises LeaseLost."""
    with connection.cursor() as cursor:
        cursor.execute("select desired, state from runs_run where id = %s and fence = %s", [lease.run_id, lease.fence])
        return Orders(*_row(cursor, lease))


def change(lease: Lease, state: str, only_from: str) -> None:
    """claimed -> running, running -> pausing and the like, within the lease; nothing when it is there already."""
    with acting("worker"), connection.cursor() as cursor:
        cursor.execute(
            "update runs_run set state = case when state = %(from)s then %(to)s else state end "
            "where id = %(id)s and fence = %(fence)s returning state",
            {"id": lease.run_id, "fence": lease.fence, "from": only_from, "to": state},
        )
        (now,) = _row(cursor, lease)
        if now != state:
            raise LeaseLost(f"the run is {now}, not {only_from}")


def release(
    lease: Lease, state: str, *, error: dict[str, Any] | None = None, reason: str = "", delay: float = 0, step: int = 0
) -> None:
    """Gives the slot back in a waiting or final state. A lost acknowledgement is re-read: already there is done."""
    values: dict[str, Any] = {
        "id": lease.run_id, "fence": lease.fence, "state": state, "reason": reason, "delay": delay, "step": step,
        "error": json.dumps(error) if error else None,
    }  # fmt: skip
    with acting("worker"), connection.cursor() as cursor:
        cursor.execute("select state from runs_run where id = %(id)s and fence = %(fence)s for update", values)
        if _row(cursor, lease)[0] != state:
            cursor.execute(RELEASE, values)


def _row(cursor: Any, lease: Lease) -> Any:
    row = cursor.fetchone()
    if row is None:
        raise LeaseLost(f"run {lease.run_id}: fence {lease.fence} is no longer the newest")
    return row
