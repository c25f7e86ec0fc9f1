"""What a run writes on its way, over the API: rows by stage, rounds, and the review it waits for."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import Http404, StreamingHttpResponse
from django.urls import reverse
from ninja import Body, Router, Schema, Status
from pydantic import Field

from workbench.review import gates
from workbench.runs import actions, making, pages
from workbench.team.models import Role
from workbench.team.request import TeamRequest

from .auth import need
from .runs import run_out
from .schemas import RunOut

router = Router(tags=["runs"])


class StageOut(Schema):
    name: str
    file: str = Field(description="Its rows: GET /runs/{id}/outputs/{file}; those left out: {file}-rejected.")
    rows: int = Field(description="Rows to learn from after the stage.")
    made: int
    rejected: int
    reasons: dict[str, int] = Field(description="Rows left out, by reason.")
    kept: bool = Field(
        description="Whether the files can be read: while the run stands still and when it has finished."
    )


class GateOut(Schema):
    step: Literal["lay", "laying", "look", "go"] = Field(
        description="lay: rows not laid out. laying: being imported. look: laid out. go: a newer version is there."
    )
    stage: str
    rows: int
    note: str
    making: UUID | None = None
    dataset: UUID | None = None
    desk: UUID | None = None
    versions: list[int] = Field(
        description="What the run may go on with, the newest first; the last is the rows as they are."
    )


class GoOn(Schema):
    version: int | None = Field(None, description="Number of the version; default: the newest.")


class DeskOut(Schema):
    id: UUID
    url: str


@router.get("/runs/{uuid:run_id}/rows", response=list[StageOut], summary="Rows made and left out, by stage")
def made_rows(request: TeamRequest, run_id: UUID) -> list[dict[str, Any]]:
    return [_stage_out(s) for s in making.stages(pages.run_or_404(request.team, run_id))]


def _stage_out(s: making.Stage) -> dict[str, Any]:
    named = {n: getattr(s, n) for n in ("name", "file", "rows", "made", "rejected")}
    return named | {"reasons": {code: n for code, _, n in s.reasons}, "kept": bool(s.made_file or s.rejected_file)}


@router.get("/runs/{uuid:run_id}/outputs/{slug:file}", summary="Rows a stage made or left out, as JSON lines")
def output(request: TeamRequest, run_id: UUID, file: str) -> StreamingHttpResponse:
    return making.download(pages.run_or_404(request.team, run_id), file)


@router.get(
    "/runs/{uuid:run_id}/rounds", response=list[dict[str, Any]], summary="Rounds: scores, what was expected, advice"
)
def rounds(request: TeamRequest, run_id: UUID) -> list[dict[str, Any]]:
    return making.rounds(pages.run_or_404(request.team, run_id))


@router.post("/runs/{uuid:run_id}/end-rounds", response=RunOut, summary="Begin no further round")
def end_rounds(request: TeamRequest, run_id: UUID) -> dict[str, Any]:
    """The run finishes its round, then goes on to its report with what is there."""
    need(request, Role.MEMBER)
    return run_out(actions.end_rounds(pages.run_or_404(request.team, run_id)))


@router.get("/runs/{uuid:run_id}/review", response=GateOut, summary="The review a run waits for")
def gate(request: TeamRequest, run_id: UUID) -> dict[str, Any]:
    found = gates.waiting(pages.run_or_404(request.team, run_id))
    if found is None:
        raise Http404("This run waits for no review.")
    return {n: getattr(found, n) for n in ("step", "stage", "rows", "note")} | {
        "making": found.making.pk if found.making else None, "desk": found.review.pk if found.review else None,
        "dataset": found.version.dataset_id if found.version else None, "versions": [v.number for v in found.versions],
    }  # fmt: skip


@router.post("/runs/{uuid:run_id}/review/rows", response={202: RunOut}, summary="Lay the waiting rows out as a dataset")
def lay_out(request: TeamRequest, run_id: UUID) -> Status[dict[str, Any]]:
    need(request, Role.MEMBER)
    return Status(202, run_out(gates.lay_out(pages.run_or_404(request.team, run_id), request.user)))


@router.post("/runs/{uuid:run_id}/review/desk", response=DeskOut, summary="The desk over the waiting rows")
def desk(request: TeamRequest, run_id: UUID) -> dict[str, Any]:
    """Sets it up when it is first asked for."""
    need(request, Role.MEMBER)
    found = gates.open_desk(pages.run_or_404(request.team, run_id), request.user)
    return {"id": found.pk, "url": reverse("review:desk", args=[found.pk])}


@router.post("/runs/{uuid:run_id}/review/go-on", response=RunOut, summary="Go on with a version of the review")
def go_on(request: TeamRequest, run_id: UUID, body: GoOn = Body(GoOn(version=None))) -> dict[str, Any]:  # noqa: B008
    need(request, Role.MEMBER)
    return run_out(gates.go_on(pages.run_or_404(request.team, run_id), request.user, body.version))
