"""What the start page shows: one small set of queries, all scoped to a team."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from workbench.runs import words
from workbench.runs.models import ACTIVE, ENDED, WAITING, Kind, Run, Slot, State
from workbench.team.models import Team

NEWS_AT_MOST = 8


@dataclass
class Result:
    """One finished distillation with the number that counts."""

    run: Run
    gap: dict[str, Any]
    scores: dict[str, str]
    beats_control: bool | None


@dataclass
class Overview:
    is_first_visit: bool
    running: list[Run] = field(default_factory=list)
    waiting: list[Run] = field(default_factory=list)
    waiting_count: int = 0
    slots_live: int = 0
    slots_busy: int = 0
    results: list[Result] = field(default_factory=list)
    news: list[Run] = field(default_factory=list)
    finished_week: int = 0


def overview(team: Team, since: datetime | None = None) -> Overview:
    """Everything of the start page; `since` is when the person last looked at it."""
    runs = Run.objects.filter(team=team)
    light = runs.defer("spec", "plan", "report")
    waiting = light.filter(state__in=WAITING).order_by("-priority", "not_before", "number")
    live, busy = slots()
    return Overview(
        is_first_visit=not runs.filter(kind=Kind.DISTILL).exists(),
        running=list(light.filter(state__in=(*ACTIVE, State.PAUSED)).order_by("-started_at")[:8]),
        waiting=list(waiting[:5]),
        waiting_count=waiting.count(),
        slots_live=live,
        slots_busy=busy,
        results=results(team),
        news=list(light.filter(state__in=ENDED, finished_at__gt=since).order_by("-finished_at")[:NEWS_AT_MOST])
        if since
        else [],
        finished_week=runs.filter(
            kind=Kind.DISTILL, state=State.SUCCEEDED, finished_at__gt=timezone.now() - timedelta(days=7)
        ).count(),
    )


def slots() -> tuple[int, int]:
    """How many slots answer, and how many of those work right now. Slots are shared by all teams."""
    counted = Slot.objects.live().aggregate(
        live=Count("id", distinct=True), busy=Count("id", filter=Q(runs__state__in=ACTIVE), distinct=True)
    )
    return counted["live"], counted["busy"]


def results(team: Team, newest: int = 20, shown: int = 6) -> list[Result]:
    """Of the newest finished distillations those with the largest gap closed first."""
    done = Run.objects.filter(team=team, kind=Kind.DISTILL, state=State.SUCCEEDED, report__isnull=False)
    found = [_result(run) for run in done.defer("plan").order_by("-finished_at")[:newest]]
    return sorted((r for r in found if r.gap.get("value") is not None), key=lambda r: -r.gap["value"])[:shown]


def _result(run: Run) -> Result:
    report = run.report or {}
    margin = report.get("student_minus_control") or {}
    beats = margin["low"] > 0 if margin.get("low") is not None else None
    scores = {
        arm: words.number(s.get("value"), report.get("metric")) for arm, s in (report.get("scores") or {}).items() if s
    }
    return Result(run, report.get("gap_closed") or {}, scores, beats)
