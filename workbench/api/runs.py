"""Runs over the API: start from a recipe, list, watch, stop, read the report."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Literal
from uuid import UUID

from django.http import Http404
from django.urls import reverse
from ninja import Header, Query, Router, Status

from workbench.runs import actions, board, charts, pages, timeline, waiting
from workbench.runs.models import Kind, Run, RunEvent, State
from workbench.studio.actions import submit_recipe
from workbench.team.models import Role
from workbench.team.request import TeamRequest

from .auth import need
from .catalog import recipe_of
from .schemas import CurveOut, Error, EventList, RecipeIn, RunDetail, RunList, RunOut

router = Router(tags=["runs"])
LARGEST = 2**63 - 1


def run_out(run: Run) -> dict[str, Any]:
    """A run as the API shows it: the same words as the page."""
    row = pages.row(run)
    names = (
        "id",
        "number",
        "kind",
        "title",
        "state",
        "phase",
        "progress",
        "attempt",
        "error",
        "created_at",
        "started_at",
        "finished_at",
    )
    done = run.kind == Kind.DISTILL and run.state == State.SUCCEEDED
    return {n: getattr(run, n) for n in names} | {
        "state_label": run.get_state_display(), "reason": waiting.reason(run), "seconds_left": board.seconds_left(run),
        "method": row.method, "teacher": row.teacher, "student": row.student, "gap_closed": (run.report or {}).get("gap_closed"),
        "created_by": run.created_by.email if run.created_by else "", "url": reverse("runs:detail", args=[run.id]),
        "result": reverse("adapters:detail", args=[run.id]) if done else timeline.result_url(run) or None,
    }  # fmt: skip


def _detail(run: Run) -> dict[str, Any]:
    mine = run.kind == Kind.DISTILL
    return run_out(run) | {
        "recipe": run.spec if mine else None,
        "recipe_sha256": run.spec_sha256,
        "plan": run.plan if mine else None,
    }


def idem_key(team_id: UUID, text: str | None) -> UUID | None:
    """The key a client chose, kept apart by team: any text of at most 200 characters."""
    return uuid.uuid5(team_id, text) if text else None


@router.post("/runs", response={201: RunDetail, 422: Error}, summary="Start a run from a recipe")
def create(
    request: TeamRequest, body: RecipeIn, key: str | None = Header(None, alias="Idempotency-Key", max_length=200)
) -> Status[dict[str, Any]]:
    """The same Idempotency-Key gives the same run, however often it is sent."""
    need(request, Role.MEMBER)
    return Status(
        201, _detail(submit_recipe(request.team, request.user, recipe_of(body), idem_key(request.team.id, key)))
    )


@router.get("/runs", response=RunList, summary="Runs of your team")
def list_runs(
    request: TeamRequest,
    state: Literal["", "live", "finished", "failed", "cancelled"] = "",
    kind: Literal[
        "distill",
        "evaluate",
        "import_dataset",
        "profile_dataset",
        "fetch_dataset",
        "transform_dataset",
        "add_model",
        "dry_run",
        "prepare_samples",
        "test_endpoint",
        "all",
    ] = "distill",
    sort: Literal["newest", "oldest", "gap", "title"] = "newest",
    q: str = Query("", max_length=100),
    page: int = Query(1, ge=1, le=1_000_000),
) -> dict[str, Any]:
    wanted = pages.filters({"state": state, "kind": kind, "sort": sort, "q": q, "page": str(page)})
    found = pages.run_list(request.team, wanted, request.user.pk)
    return {
        "items": [run_out(r.run) for r in found.object_list],
        "count": found.paginator.count,
        "page": found.number,
        "pages": found.paginator.num_pages,
    }


@router.get("/runs/{uuid:run_id}", response=RunDetail, summary="One run")
def get_run(request: TeamRequest, run_id: UUID) -> dict[str, Any]:
    return _detail(pages.run_or_404(request.team, run_id))


@router.get("/runs/{uuid:run_id}/events", response=EventList, summary="What happened, after an event id")
def events(
    request: TeamRequest, run_id: UUID, after: int = Query(0, ge=0, le=LARGEST), limit: int = Query(200, ge=1, le=1000)
) -> dict[str, Any]:
    run = pages.run_or_404(request.team, run_id)
    found = list(RunEvent.objects.filter(run=run, id__gt=after).order_by("id")[:limit])
    return {"items": found, "last_id": found[-1].id if found else after, "ended": run.is_ended and len(found) < limit}


@router.get("/runs/{uuid:run_id}/metrics", response=list[CurveOut], summary="Curves, at most 1,000 points each")
def metrics(request: TeamRequest, run_id: UUID) -> list[charts.Curve]:
    return charts.curves(pages.run_or_404(request.team, run_id))


@router.get("/runs/{uuid:run_id}/report", response=dict[str, Any], summary="The report of a finished run")
def report(request: TeamRequest, run_id: UUID) -> dict[str, Any]:
    run = pages.run_or_404(request.team, run_id)
    if run.report is None:
        raise Http404(f"Run {run.number} has no report.")
    return run.report


def _act(request: TeamRequest, run_id: UUID, act: Callable[[Run], Run]) -> dict[str, Any]:
    need(request, Role.MEMBER)
    return run_out(act(pages.run_or_404(request.team, run_id)))


@router.post("/runs/{uuid:run_id}/cancel", response=RunOut, summary="Cancel")
def cancel(request: TeamRequest, run_id: UUID) -> dict[str, Any]:
    return _act(request, run_id, actions.cancel)


@router.post("/runs/{uuid:run_id}/pause", response=RunOut, summary="Pause after a checkpoint")
def pause(request: TeamRequest, run_id: UUID) -> dict[str, Any]:
    return _act(request, run_id, actions.pause)


@router.post("/runs/{uuid:run_id}/resume", response=RunOut, summary="Continue a paused run")
def resume(request: TeamRequest, run_id: UUID) -> dict[str, Any]:
    return _act(request, run_id, actions.resume)


@router.post("/runs/{uuid:run_id}/retry", response=RunOut, summary="Try a failed run again")
def retry(request: TeamRequest, run_id: UUID) -> dict[str, Any]:
    run = pages.run_or_404(request.team, run_id)
    if run.state == State.QUARANTINED:
        need(request, Role.OPERATOR)
    return _act(request, run_id, actions.retry)
