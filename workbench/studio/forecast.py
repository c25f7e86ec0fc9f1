"""When a new run would start and end: the training slots that answer, what they work on, and what waits before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from workbench.runs import waiting
from workbench.runs.models import Queue


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
    now, free = timezone.now(), waiting.free_slots(Queue.GPU)
    before = list(waiting.in_line(Queue.GPU).values_list("plan__seconds", flat=True)[: waiting.MOST])
    for needed in before:
        waiting.take(free, needed)
    start = waiting.take(free, seconds)
    if start is None:
        return Forecast(len(before), 0)
    starts = now + timedelta(seconds=start)
    return Forecast(len(before), len(free), starts, starts + timedelta(seconds=seconds))
