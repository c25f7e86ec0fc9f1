"""Sweeps over the API: count and cost, start, watch, stop."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import Http404
from django.urls import reverse
from ninja import Header, Router, Schema, Status
from pydantic import Field

from jobs.distill import recipe as recipes
from jobs.distill.errors import RecipeInvalid
from workbench.runs.models import ENDED
from workbench.sweeps import actions, queries
from workbench.sweeps.models import Sweep
from workbench.sweeps.settings import Axis, Race, values_of
from workbench.team.models import Role
from workbench.team.request import TeamRequest

from .auth import need
from .catalog import recipe_of
from .runs import idem_key
from .schemas import Body, Error, RecipeIn

router = Router(tags=["sweeps"])


class AxisIn(Body):
    path: str = Field(
        max_length=200, description="A field of the recipe: student.adapter.rank, stages.0.terms.1.weight."
    )
    values: list[Any] | None = Field(None, max_length=64, description="The values it takes.")
    text: str | None = Field(None, max_length=2000, description="The same as text: 8, 16, 32.")


class RaceIn(Body):
    keep: int = Field(2, ge=2, le=8, description="After each round one setting in so many goes on.")
    rounds: int = Field(3, ge=2, le=5)


class SweepIn(RecipeIn):
    axes: list[AxisIn] = Field(min_length=1, max_length=6)
    mode: Literal["grid", "list"] = "grid"
    race: RaceIn | None = Field(
        None, description="Successive halving on gap closed; absent: every setting trains in full."
    )
    title: str = Field("", max_length=200)


class CostOut(Schema):
    runs: int
    seconds: float = Field(description="Of work on one slot.")
    disk_bytes: int
    rounds: list[dict[str, Any]]
    refused: list[dict[str, Any]]


class SweepOut(Schema):
    id: UUID
    title: str
    state: str
    sentence: str
    runs: int
    ended: int
    url: str
    created_at: datetime


class SweepDetail(SweepOut):
    axes: list[dict[str, Any]]
    settings: list[dict[str, Any]] = Field(description="The best first.")


def _given(body: SweepIn) -> tuple[dict[str, Any], list[Axis], Race | None]:
    axes = []
    for i, a in enumerate(body.axes):
        if (a.values is None) == (a.text is None):
            raise RecipeInvalid("Give either values or text.", field=f"axes.{i}")
        axes.append(Axis(a.path, tuple(a.values) if a.values is not None else values_of(a.text or "")))
    return recipes.to_dict(recipe_of(body)), axes, Race(body.race.keep, body.race.rounds) if body.race else None


def _out(sweep: Sweep) -> dict[str, Any]:
    members = list(sweep.members.select_related("run"))
    state, sentence = queries.state(sweep, members)
    return {
        "id": sweep.id, "title": sweep.title, "state": state, "sentence": sentence, "runs": len(members),
        "ended": sum(m.run.state in ENDED for m in members), "url": reverse("sweeps:detail", args=[sweep.id]), "created_at": sweep.created_at,
    }  # fmt: skip


def _detail(sweep: Sweep) -> dict[str, Any]:
    lines = queries.lines(sweep, list(sweep.members.select_related("run")))
    settings = [
        {
            "place": line.place, "changes": line.changes, "words": line.words, "round": line.rounds, "run": line.run.number,
            "run_id": str(line.run.id), "state": line.run.state, "gap_closed": (line.run.report or {}).get("gap_closed"),
            "student_minus_control": line.margin,
        }
        for line in lines
    ]  # fmt: skip
    return _out(sweep) | {"axes": sweep.axes, "settings": settings}


def _mine(request: TeamRequest, sweep_id: UUID) -> Sweep:
    found = queries.sweeps(request.team).filter(pk=sweep_id).first()
    if found is None:
        raise Http404("There is no such sweep.")
    return found


@router.post("/sweeps/cost", response={200: CostOut, 422: Error}, summary="How many runs, and what they would cost")
def cost(request: TeamRequest, body: SweepIn) -> dict[str, Any]:
    """Nothing is started."""
    recipe, axes, race = _given(body)
    found = actions.cost(request.team, recipe, axes, body.mode, race)
    refused = [
        {"changes": s.changes, "problems": [p.model_dump(mode="json") for p in s.problems]} for s in found.refused
    ]
    return {
        "runs": found.runs, "seconds": found.seconds, "disk_bytes": found.disk_bytes, "rounds": found.rounds, "refused": refused,
    }  # fmt: skip


@router.post("/sweeps", response={201: SweepDetail, 422: Error}, summary="Start a sweep or a race")
def create(
    request: TeamRequest, body: SweepIn, key: str | None = Header(None, alias="Idempotency-Key", max_length=200)
) -> Status[dict[str, Any]]:
    """All or nothing: when one setting is refused, none is started."""
    need(request, Role.MEMBER)
    recipe, axes, race = _given(body)
    sweep = actions.start(
        request.team, request.user, body.title, recipe, axes, body.mode, race, idem_key(request.team.id, key)
    )
    return Status(201, _detail(sweep))


@router.get("/sweeps", response=list[SweepOut], summary="Sweeps of your team")
def list_sweeps(request: TeamRequest) -> list[dict[str, Any]]:
    return [_out(s) for s in queries.sweeps(request.team)[:100]]


@router.get("/sweeps/{uuid:sweep_id}", response=SweepDetail, summary="One sweep with its settings")
def get_sweep(request: TeamRequest, sweep_id: UUID) -> dict[str, Any]:
    return _detail(_mine(request, sweep_id))


@router.post("/sweeps/{uuid:sweep_id}/stop", response=SweepDetail, summary="Stop a sweep")
def stop(request: TeamRequest, sweep_id: UUID) -> dict[str, Any]:
    """Runs that have not ended are cancelled; no further round starts."""
    need(request, Role.MEMBER)
    sweep = _mine(request, sweep_id)
    actions.stop(sweep)
    sweep.refresh_from_db()
    return _detail(sweep)
