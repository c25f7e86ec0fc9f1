"""Taking runs from the dead, and only from the dead.

A lease must be seen expired twice, some time apart, and not right after the database came up: otherwise one restart of
the database would take every run from healthy workers. Three crashes without a newer checkpoint end in quarantine.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from django.conf import settings
from django.db import connection

from workbench.runs.models import RunEvent
from workbench.runs.state import acting

from .lease import Lease, LeaseLost

log = logging.getLogger("jobs.reaper")

_ADVISORY_KEY = 0x57420001

MARK = """
update runs_run set reap_seen = clock_timestamp() where lease_until < clock_timestamp() and reap_seen is null
  and pg_postmaster_start_time() < clock_timestamp() - %(quiet)s * interval '1 second'
"""

# What becomes of a run whose worker or child died. desired wins; then the progress rule.
BURY = """
update runs_run set
  state = case when desired = 'cancel' or state = 'cancelling' then 'cancelled' when desired = 'pause' then 'paused'
    when greatest(last_ckpt_step, %(step)s) <= crash_ckpt_step and crashes_without_progress >= 2 then 'quarantined'
    else 'retry_wait' end,
  crashes_without_progress = case when desired <> 'run' then crashes_without_progress
    when greatest(last_ckpt_step, %(step)s) > crash_ckpt_step and crash_ckpt_step >= 0 then 1
    else crashes_without_progress + 1 end,
  last_ckpt_step = greatest(last_ckpt_step, %(step)s), crash_ckpt_step = greatest(last_ckpt_step, %(step)s),
  fence = fence + 1, slot_id = null, lease_until = null, owner = null, reap_seen = null,
  wait_reason = case when desired = 'run' then 'BACKOFF' else '' end,
  error = case when desired = 'run' then %(error)s::jsonb end,
  not_before = clock_timestamp() + %(base)s * interval '1 second' * least(power(2, least(crashes_without_progress, 10)), 120) * (0.75 + random() / 2),
  finished_at = case when desired = 'cancel' or (desired = 'run' and crashes_without_progress >= 2
    and greatest(last_ckpt_step, %(step)s) <= crash_ckpt_step) then now() end
"""

DEAD = """
where id in (select id from runs_run where lease_until < clock_timestamp() and reap_seen < clock_timestamp() - %(confirm)s * interval '1 second'
  for update skip locked) returning id::text, state
"""

SETTLE = """
update runs_run set state = case desired when 'cancel' then 'cancelled' else 'paused' end, wait_reason = '',
  finished_at = case desired when 'cancel' then now() end
where state in ('queued', 'retry_wait') and desired <> 'run' returning id::text, state
"""

SILENT = {
    "code": "WORKER_LOST",
    "message": "The worker stopped answering; the run continues at its newest checkpoint.",
    "retry": True,
}


def reap() -> list[tuple[str, str]]:
    """One round; returns (run id, new state) of each run it took. Only one reaper works at a time."""
    with acting("reaper"), connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [_ADVISORY_KEY])
        if not cursor.fetchone()[0]:
            return []
        cursor.execute(BURY + DEAD, {**_blame(SILENT), "confirm": settings.REAP_CONFIRM_SECONDS})
        taken = cursor.fetchall()
        cursor.execute(MARK, {"quiet": settings.REAP_QUIET_SECONDS})
        cursor.execute(SETTLE)
        taken += cursor.fetchall()
    for run_id, state in taken:
        log.warning("took run %s from the dead: %s", run_id, state)
    return taken


def bury(lease: Lease, error: dict[str, Any] | None, step: int = 0) -> str:
    """The child of this lease crashed: the supervisor saw the corpse, so nothing has to be waited for. Returns the new state."""
    with acting("reaper"), connection.cursor() as cursor:
        cursor.execute(
            BURY + "where id = %(id)s and fence = %(fence)s returning state",
            {**_blame(error), "step": step, "id": lease.run_id, "fence": lease.fence},
        )
        row = cursor.fetchone()
        if row is None:
            raise LeaseLost(f"run {lease.run_id}: fence {lease.fence} is no longer the newest")
        if error:
            RunEvent.objects.create(
                run_id=lease.run_id, type="error", attempt=lease.attempt, fence=lease.fence, data=error
            )
    return str(row[0])


def reclaim_slot(slot_id: int, owner: str) -> None:
    """Whoever holds the slot's lock on this machine knows that the tree of the last owner is gone: no need to wait for its lease."""
    with acting("reaper"), connection.cursor() as cursor:
        cursor.execute(
            BURY + "where slot_id = %(slot)s and owner <> %(owner)s",
            {**_blame(SILENT), "slot": slot_id, "owner": owner},
        )


def _blame(error: dict[str, Any] | None) -> dict[str, Any]:
    return {"error": json.dumps(error) if error else None, "step": 0, "base": settings.BACKOFF_SECONDS}
