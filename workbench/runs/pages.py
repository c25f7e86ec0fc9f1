"""What the pages about runs read. Everything is scoped to a team; another team's run is a 404 like one that never was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q, QuerySet
from django.http import Http404
from django.utils import timezone

from jobs.distill.catalog import SYSTEMS
from jobs.distill.errors import RecipeInvalid
from workbench.home import units
from workbench.team.models import Team

from . import words
from .actions import ENOUGH
from .models import ACTIVE, ENDED, WAITING, Kind, Queue, Run, RunEvent, Slot, State

PAGE_SIZE = 25
SORTS = {
    "newest": ("Newest first", [F("created_at").desc()]),
    "oldest": ("Oldest first", [F("created_at").asc()]),
    "gap": ("Gap closed", [F("report__gap_closed__value").desc(nulls_last=True), F("created_at").desc()]),
    "title": ("Title", [F("title").asc(), F("created_at").desc()]),
}
STATES: dict[str, tuple[str, tuple[str, ...]]] = {
    "live": ("Live", (*ACTIVE, *WAITING, State.PAUSED)),
    "finished": ("Finished", (State.SUCCEEDED,)),
    "failed": ("Failed", (State.FAILED, State.QUARANTINED)),
    "cancelled": ("Cancelled", (State.CANCELLED,)),
}
SLOT_GONE_AFTER = timedelta(seconds=60)


class FilterUnknown(RecipeInvalid):
    code = "FILTER_UNKNOWN"


@dataclass(frozen=True)
class Filters:
    """The list's filters, as they stand in the address."""

    state: str = ""
    kind: str = Kind.DISTILL
    sort: str = "newest"
    who: str = ""
    q: str = ""
    page: int = 1


@dataclass
class Row:
    """One line of the list."""

    run: Run
    method: str
    teacher: str
    student: str
    gap: str
    gap_interval: str
    seconds: float | None


def filters(query: Mapping[str, str]) -> Filters:
    """Filters from an address; raises FilterUnknown for a sort, state or kind that does not exist."""
    state, kind, sort = query.get("state", ""), query.get("kind", Kind.DISTILL), query.get("sort", "newest")
    if sort not in SORTS:
        raise FilterUnknown(
            f"Unknown sort field {sort[:40]!r}. Runs can be sorted by {', '.join(SORTS)}.", field="sort"
        )
    if state and state not in STATES:
        raise FilterUnknown(f"Unknown state {state[:40]!r}. One of {', '.join(STATES)}.", field="state")
    if kind not in (*Kind.values, "all"):
        raise FilterUnknown(f"Unknown kind of work {kind[:40]!r}.", field="kind")
    return Filters(
        state,
        kind,
        sort,
        query.get("who", "")[:40],
        query.get("q", "").replace("\x00", "")[:100].strip(),
        page_number(query.get("page")),
    )


def page_number(text: str | None) -> int:
    """1 for anything that is not a page number; never larger than a million (then clamped to the last page)."""
    text = text or ""
    return max(1, min(int(text), 1_000_000)) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def runs(team: Team) -> QuerySet[Run]:
    return Run.objects.filter(team=team).select_related("created_by", "slot")


def run_or_404(team: Team | None, run_id: UUID) -> Run:
    run = runs(team).filter(pk=run_id).first() if team else None
    if run is None:
        raise Http404("There is no such run.")
    return run


def run_list(team: Team, wanted: Filters, user_id: Any = None) -> Page[Any]:
    """One page of runs; `page.object_list` are Rows."""
    found = runs(team).order_by(*SORTS[wanted.sort][1])
    if wanted.kind != "all":
        found = found.filter(kind=wanted.kind)
    if wanted.state:
        found = found.filter(state__in=STATES[wanted.state][1])
    if wanted.who == "me":
        found = found.filter(created_by_id=user_id)
    if wanted.q:
        found = found.filter(
            Q(title__icontains=wanted.q)
            | Q(spec__method__icontains=wanted.q)
            | Q(spec__teacher__model__icontains=wanted.q)
            | Q(spec__student__model__icontains=wanted.q)
        )
    page: Page[Any] = Paginator(found.defer("plan"), PAGE_SIZE).get_page(wanted.page)
    page.object_list = [row(r) for r in page.object_list]
    return page


def state_counts(team: Team, kind: str) -> dict[str, int]:
    """How many runs each filter of STATES would show."""
    found = Run.objects.filter(team=team)
    if kind != "all":
        found = found.filter(kind=kind)
    by_state = dict(found.values_list("state").annotate(n=Count("id")).order_by())
    return {name: sum(by_state.get(s, 0) for s in states) for name, (_, states) in STATES.items()} | {
        "": sum(by_state.values())
    }


def row(run: Run) -> Row:
    spec = run.spec if isinstance(run.spec, dict) else {}
    gap = (run.report or {}).get("gap_closed") or {}
    return Row(
        run,
        method_title(spec),
        short_model((spec.get("teacher") or {}).get("model")),
        short_model((spec.get("student") or {}).get("model")),
        words.ratio(gap["value"]) if gap.get("value") is not None else "",
        words.ratio_interval(gap),
        run_seconds(run),
    )


def method_title(spec: dict[str, Any]) -> str:
    """The system's title in the catalogue; the id itself for one that is not (any more) there."""
    method = spec.get("method")
    if not method:
        return "Own stages" if spec.get("stages") else ""
    system = SYSTEMS.get(method)
    return system.title if system else str(method)


def short_model(name: str | None) -> str:
    return (name or "").rstrip("/").rpartition("/")[2]


def run_seconds(run: Run) -> float | None:
    if not run.started_at:
        return None
    return max(0.0, ((run.finished_at or timezone.now()) - run.started_at).total_seconds())


# ---- one run


def newest_event(run: Run) -> int:
    return RunEvent.objects.filter(run=run).order_by("-id").values_list("id", flat=True).first() or 0


def events(run: Run, *types: str, limit: int = 200) -> list[RunEvent]:
    """The newest `limit` events of these types, oldest first."""
    return list(reversed(RunEvent.objects.filter(run=run, type__in=types).order_by("-id")[:limit]))


def samples(run: Run) -> list[dict[str, Any]]:
    """Per row: what the student said over time, next to teacher and gold."""
    rows: dict[str, dict[str, Any]] = {}
    for e in events(run, "sample", limit=300):
        d = e.data
        entry = rows.setdefault(
            str(d.get("row_id")),
            {
                "row_id": d.get("row_id"),
                "prompt": d.get("prompt"),
                "gold": d.get("gold"),
                "teacher": d.get("teacher"),
                "answers": {},
            },
        )
        entry["teacher"] = d.get("teacher") or entry["teacher"]
        entry["answers"][d.get("step", 0)] = d.get("student")
    for entry in rows.values():
        entry["answers"] = sorted(entry["answers"].items())[-8:]
    return list(rows.values())[:12]


def choices(run: Run) -> list[dict[str, Any]]:
    """Automatic choices and their reasons: those of the plan, then those the engine made; the newest word on a field wins."""
    found = {str(c.get("field")): c for c in (run.plan or {}).get("choices", [])}
    found |= {str(e.data.get("field")): e.data for e in events(run, "reason", limit=200)}
    return list(found.values())


def reason(run: Run) -> str:
    """Why the run stands where it stands, looking at the queue and the workers where that is the reason."""
    if run.state != State.QUEUED:
        return words.reason(run)
    return words.reason(run, ahead(run), live_slots(run.queue) > 0)


def live_slots(queue: str) -> int:
    return Slot.objects.filter(queue=queue, last_seen__gt=timezone.now() - SLOT_GONE_AFTER).count()


def ahead(run: Run) -> int:
    """Runs of the same queue, of any team, that a worker would take first."""
    if run.state != State.QUEUED:
        return 0
    first = Q(priority__gt=run.priority) | Q(priority=run.priority, not_before__lt=run.not_before)
    return Run.objects.filter(first, queue=run.queue, state__in=WAITING, desired="run").exclude(pk=run.pk).count()


# ---- queue and workers


@dataclass
class QueueView:
    """The queue page. Other teams' runs are counted, never named."""

    waiting: list[dict[str, Any]] = field(default_factory=list)
    slots: list[dict[str, Any]] = field(default_factory=list)
    live_slots: int = 0


def queue(team: Team) -> QueueView:
    now = timezone.now()
    view = QueueView()
    for slot in Slot.objects.order_by("queue", "host", "name"):
        busy = Run.objects.filter(slot=slot, state__in=ACTIVE).select_related("created_by").first()
        live = bool(slot.last_seen and now - slot.last_seen < SLOT_GONE_AFTER)
        view.live_slots += live
        device = slot.device or {}
        view.slots.append(
            {
                "slot": slot,
                "live": live,
                "device": device,
                "label": slot_label(slot),
                "run": busy if busy and busy.team_id == team.id else None,
                "taken": bool(busy),
            }
        )
    line = (
        Run.objects.filter(state__in=(*WAITING, State.PAUSED))
        .select_related("created_by")
        .order_by("-priority", "not_before", "id")
        .defer("report")
    )
    before: dict[str, int] = {}
    workers = {q: live_slots(q) for q in Queue.values}
    for run in line[:500]:
        if run.team_id == team.id:
            n = before.get(run.queue, 0)
            view.waiting.append(
                {
                    "run": run,
                    "why": words.reason(run, n, workers[run.queue] > 0),
                    "ahead": n,
                    "start": _starts_in(run, n),
                }
            )
        if run.state != State.PAUSED:
            before[run.queue] = before.get(run.queue, 0) + 1
    return view


def slot_label(slot: Slot) -> str:
    kind = slot.name.partition("-")[0].upper()
    number = slot.name.rpartition("-")[2]
    return f"{kind} {number}" if number.isdigit() else f"{kind} {number[:8]}"


def _starts_in(run: Run, n: int) -> str:
    """A prediction from the plans of the runs that work and wait before it; empty where a plan is missing."""
    if run.state != State.QUEUED:
        return ""
    busy = list(Run.objects.filter(queue=run.queue, state__in=ACTIVE).only("plan", "started_at"))
    slots = Slot.objects.filter(queue=run.queue, last_seen__gt=timezone.now() - SLOT_GONE_AFTER, draining=False).count()
    if not slots:
        return "no worker is connected"
    if len(busy) < slots and n == 0:
        return "now"
    left = [max(0.0, ((r.plan or {}).get("seconds") or 0) - (run_seconds(r) or 0)) for r in busy]
    before = Run.objects.filter(queue=run.queue, state__in=WAITING).filter(
        Q(priority__gt=run.priority) | Q(priority=run.priority, not_before__lt=run.not_before)
    )
    total = sum(left) + sum((r.plan or {}).get("seconds") or 0 for r in before.only("plan")[:100])
    return f"about {units.duration(total / slots)}" if total else ""


def team_usage(team: Team, days: int = 30) -> dict[str, Any]:
    """Runs and hours of the team in the last days."""
    since = timezone.now() - timedelta(days=days)
    ended = Run.objects.filter(team=team, started_at__gte=since)
    used = sum((run_seconds(r) or 0) for r in ended.only("started_at", "finished_at")[:5000])
    return {"runs": ended.count(), "seconds": used, "days": days}


def is_anything_live(page: Page[Any]) -> bool:
    return any(r.run.state not in ENDED and r.run.state != State.PAUSED for r in page.object_list)


# ---- what happened, and where it led


@dataclass
class Moment:
    """One line of the timeline."""

    at: Any
    attempt: int
    icon: str
    title: str
    text: str = ""
    tone: str = ""


def timeline(run: Run) -> list[Moment]:
    """State changes, phases, checkpoints, alarms and errors, newest first."""
    found = events(run, "state", "phase", "checkpoint", "review", ENOUGH, "alarm", "error", limit=300)
    return [m for m in (_moment(e) for e in reversed(found)) if m]


def _moment(e: RunEvent) -> Moment | None:
    d = e.data
    if e.type == "state":
        state = d.get("to", "")
        title = State(state).label if state in State.values else str(state)
        who = {"user": "by a person", "worker": "by the worker", "reaper": "because the worker was lost"}.get(
            d.get("actor", ""), ""
        )
        return Moment(
            e.at, e.attempt, "flag", title, str(d.get("reason") or d.get("message") or who), _TONES.get(state, "")
        )
    if e.type == "phase":
        title, text = words.PHASES.get(d.get("phase", ""), (str(d.get("phase", "")).capitalize(), ""))
        return Moment(e.at, e.attempt, "player-play", title, str(d.get("stage") or text))
    if e.type == "review":
        return Moment(e.at, e.attempt, "eye", f"{d.get('rows', 0):,} rows wait for a review", str(d.get("stage") or ""))
    if e.type == ENOUGH:
        return Moment(e.at, e.attempt, "flag", "The rounds end", "A person asked for no further round.")
    if e.type == "checkpoint":
        return Moment(
            e.at,
            e.attempt,
            "device-floppy",
            f"Checkpoint at step {d.get('step', 0):,}",
            "Written, read back and hashed.",
        )
    return Moment(
        e.at,
        e.attempt,
        "alert-triangle",
        str(d.get("message", "")),
        str(d.get("hint") or ""),
        "warning" if e.type == "alarm" else "danger",
    )


_TONES = {State.SUCCEEDED: "success", State.FAILED: "danger", State.QUARANTINED: "danger", State.RETRY_WAIT: "warning"}


def result_url(run: Run) -> str:
    """Where the result of other work than a distillation stands; empty before it has one."""
    from django.urls import NoReverseMatch, reverse

    from workbench.datasets.models import DatasetVersion
    from workbench.endpoints.queries import by_key
    from workbench.library.models import Model

    if run.state != State.SUCCEEDED:
        return ""
    try:
        if run.kind == Kind.ADD_MODEL and (model := Model.objects.filter(added_by_run=run).first()):
            return reverse("library:detail", args=[model.id])
        if run.kind == Kind.IMPORT_DATASET and (version := DatasetVersion.objects.filter(created_by_run=run).first()):
            return reverse("datasets:detail", args=[version.dataset_id])
        if run.kind == Kind.FETCH_DATASET:
            return reverse("datasets:fetching", args=[run.pk])
        if run.kind == Kind.TEST_ENDPOINT and (row := by_key(run.team, str(run.spec.get("endpoint")))):
            return reverse("endpoints:detail", args=[row.pk])
        if run.kind == Kind.TRANSFORM_DATASET and (
            version := DatasetVersion.objects.filter(created_by_run=run).first()
        ):
            return reverse("datasets:version", args=[version.dataset_id, version.number])
    except NoReverseMatch:
        return ""
    return ""
