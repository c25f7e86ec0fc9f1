"""When a new run would start and end: the training slots that answer, what they work on, and what waits before it."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from workbench.runs.models import ACTIVE, WAITING, Queue, Run, Slot

from .queries import SLOT_GONE_AFTER

UNKNOWN = 60.0  # seconds of work whose plan says nothing: a dry run, an evaluation
MOST = 500  # waiting runs that are looked at


@dataclass(frozen=True)
class Forecast:
    """`starts` and `ends` are None where no slot answers; `ahead` runs of all teams wait before this one."""

    ahead: int
    slots: int
    starts: datetime | None = None
    ends: datetime | None = None

    @property
    def wait_seconds(self) -> float:
        return max(0.0, (self.starts - timezone.now()).total_seconds()) if self.starts else 0.0


def forecast(seconds: float) -> Forecast:
    """For a run that takes `seconds` and is queued now; three queries."""
    now = timezone.now()
    live = list(
        Slot.objects.filter(queue=Queue.GPU, last_seen__gt=now - SLOT_GONE_AFTER, draining=False).values_list(
            "pk", flat=True
        )
    )
    columns = ("slot", "plan__seconds", "started_at", "progress__eta")
    busy = {
        row[0]: _left(row, now) for row in Run.objects.filter(slot__in=live, state__in=ACTIVE).values_list(*columns)
    }
    waiting = Run.objects.filter(queue=Queue.GPU, state__in=WAITING, desired="run").order_by(
        "-priority", "not_before", "number"
    )
    before = [_number(s) for s in waiting.values_list("plan__seconds", flat=True)[:MOST]]
    if not live:
        return Forecast(len(before), 0)
    free = [busy.get(slot, 0.0) for slot in live]
    heapq.heapify(free)
    for needed in before:
        heapq.heappush(free, heapq.heappop(free) + needed)
    starts = now + timedelta(seconds=min(free))
    return Forecast(len(before), len(live), starts, starts + timedelta(seconds=seconds))


def _left(row: tuple[Any, ...], now: datetime) -> float:
    """Seconds a running run still needs: its plan less what has passed, and at least what its phase says is left."""
    _, planned, started, eta = row
    passed = (now - started).total_seconds() if started else 0.0
    return max(_number(planned) - passed, float(eta) if isinstance(eta, (int, float)) else 0.0, 0.0)


def _number(seconds: Any) -> float:
    return float(seconds) if isinstance(seconds, (int, float)) else UNKNOWN
