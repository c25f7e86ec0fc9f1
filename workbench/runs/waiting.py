"""The queue and its workers: who waits, for what, and when it starts. Slots are shared by all teams."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from workbench.home import units
from workbench.team.models import Team

from . import words
from .models import ACTIVE, WAITING, Queue, Run, Slot, State
from .pages import run_seconds

UNKNOWN = 60.0  # seconds of work whose plan says nothing: a dry run, an evaluation
MOST = 500  # waiting runs that are looked at
ORDER = ("-priority", "not_before", "number")  # as workers take them: jobs/lease.py


def reason(run: Run) -> str:
    """Why the run stands where it stands, looking at the queue and the workers where that is the reason."""
    if run.state != State.QUEUED:
        return words.reason(run)
    return words.reason(run, ahead(run), Slot.objects.live().filter(queue=run.queue).exists())


def ahead(run: Run) -> int:
    """Runs of the same queue, of any team, that a worker would take first."""
    first = Q(priority__gt=run.priority) | Q(priority=run.priority, not_before__lt=run.not_before)
    return in_line(run.queue).filter(first).exclude(pk=run.pk).count()


def in_line(queue: str) -> QuerySet[Run]:
    """What waits for a slot of this queue, in the order in which workers take it."""
    return Run.objects.filter(queue=queue, state__in=WAITING, desired="run").order_by(*ORDER)


# ---- when a run starts


def free_slots(queue: str) -> list[float]:
    """Seconds until each slot that takes work is free, by the plans of what works there; a heap, the next one first."""
    now, slots = timezone.now(), list(Slot.objects.taking().filter(queue=queue).values_list("pk", flat=True))
    columns = ("slot", "plan__seconds", "started_at", "progress__eta")
    busy = Run.objects.filter(slot__in=slots, state__in=ACTIVE).values_list(*columns)
    left = {slot: _left(planned, started, eta, now) for slot, planned, started, eta in busy}
    free = [left.get(slot, 0.0) for slot in slots]
    heapq.heapify(free)
    return free


def take(free: list[float], seconds: Any) -> float | None:
    """Seconds until the next run in line starts, whose plan says `seconds`; it then holds its slot. None without a slot."""
    if not free:
        return None
    start = free[0]
    heapq.heapreplace(free, start + _number(seconds))
    return start


def _left(planned: Any, started: Any, eta: Any, now: Any) -> float:
    """Seconds a running run still needs: its plan less what has passed, and at least what its phase says is left."""
    passed = (now - started).total_seconds() if started else 0.0
    return max(_number(planned) - passed, float(eta) if isinstance(eta, (int, float)) else 0.0, 0.0)


def _number(seconds: Any) -> float:
    return float(seconds) if isinstance(seconds, (int, float)) else UNKNOWN


# ---- the page


@dataclass
class QueueView:
    """The queue page. Other teams' runs are counted, never named."""

    waiting: list[dict[str, Any]] = field(default_factory=list)
    slots: list[dict[str, Any]] = field(default_factory=list)
    live_slots: int = 0


def queue(team: Team) -> QueueView:
    """The same few queries however many slots and runs there are."""
    slots = _slots(team)
    return QueueView(_waiting(team), slots, sum(s["live"] for s in slots))


def _slots(team: Team) -> list[dict[str, Any]]:
    busy = {
        run.slot_id: run for run in Run.objects.filter(slot__isnull=False, state__in=ACTIVE).defer("plan", "report")
    }
    live = set(Slot.objects.live().values_list("pk", flat=True))
    return [
        {
            "slot": slot,
            "live": slot.pk in live,
            "device": slot.device or {},
            "label": slot_label(slot),
            "run": run if (run := busy.get(slot.pk)) and run.team_id == team.pk else None,
            "taken": slot.pk in busy,
        }
        for slot in Slot.objects.order_by("queue", "host", "name")
    ]


def _waiting(team: Team) -> list[dict[str, Any]]:
    """The team's runs that wait, each with why and when it starts; runs of other teams only take their place in line."""
    out = []
    line = Run.objects.filter(Q(state__in=WAITING, desired="run") | Q(state=State.PAUSED)).order_by(*ORDER)
    free = {q: free_slots(q) for q in Queue.values}
    has_worker = {q: Slot.objects.live().filter(queue=q).exists() for q in Queue.values}
    before = dict.fromkeys(Queue.values, 0)
    for run in line.defer("report")[:MOST]:
        stands = run.state == State.PAUSED
        start = None if stands else take(free[run.queue], (run.plan or {}).get("seconds"))
        if run.team_id == team.pk:
            why = words.reason(run, before[run.queue], has_worker[run.queue])
            out.append({"run": run, "why": why, "start": _start(start) if run.state == State.QUEUED else ""})
        before[run.queue] += not stands
    return out


def _start(seconds: float | None) -> str:
    if seconds is None:
        return "no worker is connected"
    return f"about {units.duration(seconds)}" if seconds >= 1 else "now"


def slot_label(slot: Slot) -> str:
    kind = slot.name.partition("-")[0].upper()
    number = slot.name.rpartition("-")[2]
    return f"{kind} {number}" if number.isdigit() else f"{kind} {number[:8]}"


def team_usage(team: Team, days: int = 30) -> dict[str, Any]:
    """Runs and hours of the team in the last days."""
    since = timezone.now() - timedelta(days=days)
    started = Run.objects.filter(team=team, started_at__gte=since)
    used = sum((run_seconds(r) or 0) for r in started.only("started_at", "finished_at")[:5000])
    return {"runs": started.count(), "seconds": used, "days": days}
