"""Review desks over the API: set up, list the rows, decide, measure agreement, make a version."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404
from ninja import Field, Query, Router, Schema, Status

from workbench.datasets.models import DatasetVersion
from workbench.datasets.queries import datasets
from workbench.review import actions, finishing, queries
from workbench.review.models import Item, Opinion, Review
from workbench.runs.models import Run
from workbench.team.models import Role
from workbench.team.request import TeamRequest

from .answers import Refusal
from .auth import need
from .runs import run_out
from .schemas import Body, RunOut

router = Router(tags=["review"])
PAGE = 100


class NewReview(Body):
    version: UUID | None = Field(None, description="Id of a version; or dataset and number.")
    dataset: str = Field("", max_length=200, description="What a recipe says: sample/banking77.")
    number: int | None = Field(None, ge=1, description="Version of the dataset; without it, the newest.")
    order: Literal["hints", "uncertainty", "disagreement", "score", "file", "random"] = "file"
    run: UUID | None = Field(None, description="Whose outcomes order the rows, for the orders by a run.")
    limit: int = Field(500, ge=1, le=actions.MOST_ROWS, description="At most so many rows on the desk.")
    seats: int = Field(1, ge=1, le=2, description="People who decide each row, each without seeing the other.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="For the order at random.")


class TurnIn(Body):
    role: Literal["system", "user", "assistant"]
    content: str = Field(max_length=1_000_000)


class NewDecision(Body):
    verdict: Literal["accept", "edit", "relabel", "paint", "reject", "skip", "undo", "comment"] = Field(
        description="What it is called in the end follows from what changed: accept with another answer is an edit."
    )
    seen: int | None = Field(
        None, ge=0, description="Version of the opinion you looked at; a newer one refuses the decision."
    )
    answer: str | None = Field(None, max_length=1_000_000)
    messages: list[TurnIn] | None = Field(None, max_length=1000)
    paint: list[tuple[int, int, float]] | None = Field(
        None, max_length=1000, description="[start, end, weight], characters from 0."
    )
    reason: str = Field("", max_length=500, description="Why a row is rejected.")
    comment: str = Field("", max_length=10_000)


class TakenLine(NewDecision):
    place: int | None = Field(None, ge=1, description="Number of the row in the version; or row_id.")
    row_id: str = Field("", max_length=80)


class TakenLines(Body):
    decisions: list[TakenLine] = Field(min_length=1, max_length=actions.MOST_ROWS)


class Finish(Body):
    unreviewed: Literal["keep", "drop"] = Field("keep", description="What becomes of rows nobody decided.")


class ReviewOut(Schema):
    id: UUID
    title: str
    dataset: str
    version: int
    order: str
    run: UUID | None
    seats: int
    note: str
    counts: dict[str, int] = Field(description="Rows, decided, open, conflicts, and by verdict.")
    left: int = Field(description="Rows that wait for you.")
    labels: list[str]
    created_at: datetime


class RowOut(Schema):
    rank: int
    place: int
    row_id: str
    state: str
    why: str
    said: dict[str, str]
    messages: list[dict[str, str]]
    answer: str | None
    paint: list[list[float]]
    verdict: str | None
    seen: int


class RowsOut(Schema):
    items: list[RowOut]
    count: int
    page: int
    pages: int


class Taken(Schema):
    taken: int
    problems: list[str] = Field(description="Lines that were not taken, with the reason.")


def _review(request: TeamRequest, review_id: UUID) -> Review:
    try:
        return queries.review(request.team, review_id)
    except ObjectDoesNotExist:
        raise Http404 from None


def _out(found: Review, request: TeamRequest) -> dict[str, Any]:
    return {n: getattr(found, n) for n in ("id", "title", "order", "seats", "note", "labels", "created_at")} | {
        "dataset": found.version.dataset.key, "version": found.version.number, "run": found.run_id, "counts": queries.counts(found),
        "left": queries.waiting(found, request.user).count(),
    }  # fmt: skip


def _row_out(item: Item, opinion: Opinion | None) -> dict[str, Any]:
    here = queries.standing(item, opinion)
    return {n: getattr(item, n) for n in ("rank", "place", "row_id", "state", "why", "said")} | {
        **here, "verdict": opinion.decision.verdict if opinion and opinion.decision else None, "seen": opinion.version if opinion else 0,
    }  # fmt: skip


@router.get("/reviews", response=list[ReviewOut], summary="Review desks of your team")
def list_reviews(request: TeamRequest, dataset: str = Query("", max_length=200)) -> list[dict[str, Any]]:
    found = queries.reviews(request.team)
    if dataset:
        found = found.filter(version__dataset__key=dataset)
    return [_out(r, request) for r in found[:100]]


@router.post("/reviews", response={201: ReviewOut}, summary="Set a review desk up")
def open_review(request: TeamRequest, body: NewReview) -> Status[dict[str, Any]]:
    need(request, Role.MEMBER)
    version = _version(request, body)
    run = Run.objects.filter(team=request.team, pk=body.run).first() if body.run else None
    if body.run and run is None:
        raise Refusal(404, "NOT_FOUND", "Your team has no such run.", field="run")
    made = actions.open_review(
        request.team, request.user, version, body.order, run=run, limit=body.limit, seats=body.seats, seed=body.seed
    )  # fmt: skip
    return Status(201, _out(_review(request, made.pk), request))


def _version(request: TeamRequest, body: NewReview) -> DatasetVersion:
    seen = DatasetVersion.objects.filter(dataset__in=datasets(request.team)).select_related("dataset")
    if body.version:
        found = seen.filter(pk=body.version).first()
    else:
        named = seen.filter(dataset__key=body.dataset).order_by("-number")
        found = (named.filter(number=body.number) if body.number else named).first()
    if found is None:
        raise Refusal(
            404,
            "NOT_FOUND",
            "There is no such version.",
            field="version",
            hint="Name a version, or a dataset and its number.",
        )
    return found


@router.get("/reviews/{uuid:review_id}", response=ReviewOut, summary="One review desk")
def get_review(request: TeamRequest, review_id: UUID) -> dict[str, Any]:
    return _out(_review(request, review_id), request)


@router.get("/reviews/{uuid:review_id}/rows", response=RowsOut, summary="Rows of a desk, in its order")
def list_rows(
    request: TeamRequest,
    review_id: UUID,
    which: Literal["all", "waiting", "done", "conflict", "changed", "rejected", "skipped"] = "all",
    page: int = Query(1, ge=1, le=100_000),
) -> dict[str, Any]:
    found = _review(request, review_id)
    chosen = queries.filtered(found, request.user, which)
    count = chosen.count()
    items = list(chosen[(page - 1) * PAGE : page * PAGE])
    for item in items:
        item.review = found
    stands = queries.verdicts(items, request.user)
    return {
        "items": [_row_out(i, stands.get(i.pk)) for i in items],
        "count": count,
        "page": page,
        "pages": max(1, -(-count // PAGE)),
    }


@router.post("/reviews/{uuid:review_id}/rows/{int:rank}", response=RowOut, summary="Decide one row")
def decide(request: TeamRequest, review_id: UUID, rank: int, body: NewDecision) -> dict[str, Any]:
    """Each decision is kept with who, when, and the row before and after. `undo` takes the last one back."""
    need(request, Role.MEMBER)
    found = _review(request, review_id)
    item = found.items.filter(rank=rank).first() if rank < 2**31 else None
    if item is None:
        raise Http404
    item.review = found
    given = body.model_dump(exclude_unset=True)
    if body.verdict == "comment":
        actions.say(item, request.user, body.comment)
    elif body.verdict == "undo":
        actions.undo(item, request.user, seen=body.seen)
    else:
        new: dict[str, Any] = {k: given[k] for k in ("answer", "messages", "paint") if k in given}
        actions.decide(
            item, request.user, body.verdict, seen=body.seen, new=new or None, reason=body.reason, comment=body.comment
        )  # fmt: skip
    item.refresh_from_db(fields=["state"])
    return _row_out(item, queries.verdicts([item], request.user).get(item.pk))


@router.get(
    "/reviews/{uuid:review_id}/decisions", response=list[dict[str, Any]], summary="Every decision, oldest first"
)
def list_decisions(request: TeamRequest, review_id: UUID) -> list[dict[str, Any]]:
    """At a desk of two, the other's decisions about a row are hidden until both have decided it."""
    return list(queries.decisions(_review(request, review_id), request.user))


@router.post("/reviews/{uuid:review_id}/decisions", response=Taken, summary="Take decisions from a list")
def take_decisions(request: TeamRequest, review_id: UUID, body: TakenLines) -> dict[str, Any]:
    """Each line is decided on its own; what cannot be taken is listed with its line and the reason."""
    need(request, Role.MEMBER)
    lines = [line.model_dump(exclude_unset=True) for line in body.decisions]
    taken, problems = actions.take_in(_review(request, review_id), request.user, lines)
    return {"taken": taken, "problems": problems[:1000]}


@router.get("/reviews/{uuid:review_id}/agreement", response=dict[str, Any], summary="How far two reviewers agree")
def agreement(request: TeamRequest, review_id: UUID) -> dict[str, Any]:
    """Shares of equal outcomes and Cohen's kappa, each with its 95 % interval and the number of rows."""
    return queries.agreement_of(_review(request, review_id))


@router.post(
    "/reviews/{uuid:review_id}/finish", response={202: RunOut}, summary="Make a new version from the decisions"
)
def finish(request: TeamRequest, review_id: UUID, body: Finish) -> Status[dict[str, Any]]:
    """The same decisions give the same run."""
    need(request, Role.MEMBER)
    return Status(202, run_out(finishing.make_version(_review(request, review_id), request.user, body.unreviewed)))
