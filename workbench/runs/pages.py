"""What the pages about runs read. Everything is scoped to a team; another team's run is a 404 like one that never was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q, QuerySet
from django.http import Http404
from django.utils import timezone

from jobs.distill.catalog import SYSTEMS
from jobs.distill.errors import RecipeInvalid
from workbench.team.models import Team

from . import words
from .models import ACTIVE, ENDED, WAITING, Kind, Run, RunEvent, State

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


def is_anything_live(page: Page[Any]) -> bool:
    return any(r.run.state not in ENDED and r.run.state != State.PAUSED for r in page.object_list)


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
