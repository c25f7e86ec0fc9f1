"""Teacher endpoints over the API, and the calls that runs made. A key goes in and never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import Http404
from ninja import Field, Query, Router, Schema, Status

from workbench.adapters.zipped import attachment
from workbench.endpoints import actions, queries, words
from workbench.endpoints.models import Endpoint
from workbench.endpoints.presets import BY_ID
from workbench.runs import pages
from workbench.team.models import Role
from workbench.team.request import TeamRequest

from .answers import Refusal
from .auth import need
from .runs import run_out
from .schemas import Body, RunOut

router = Router(tags=["endpoints"])
MORE = ("monthly_price", "monthly_tokens", "outputs", "licence")
JSONL = {"responses": {200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}}}


class EndpointOut(Schema):
    key: str = Field(description="What a recipe says: endpoint/NAME.")
    name: str
    spec: dict[str, Any] = Field(description="As the engine reads it: address, style, model, prices, limits.")
    gives: str
    has_key: bool = Field(description="Whether a key is stored. The key itself is never given back.")
    outputs: str = Field(description="Whether its outputs may train other models: yes, terms, limited, no, unknown.")
    licence: str
    monthly_price: float | None
    monthly_tokens: int | None
    month: dict[str, Any] = Field(description="Spent this month (UTC): calls, tokens, price and cap in words.")
    tested_at: datetime | None
    tested: dict[str, Any] | None = Field(description="What the last test found.")


class EndpointChange(Body):
    """What is left out stays as it is."""

    spec: dict[str, Any] = Field(
        default_factory=dict,
        description="url, style, model, price_in, price_out, concurrency ...; null sets one back to its default.",
    )
    secret: str = Field("", max_length=500, description="The key; stored encrypted, never given back.")
    monthly_price: float | None = Field(None, ge=0, le=1e9)
    monthly_tokens: int | None = Field(None, ge=1, le=10**15)
    outputs: Literal["yes", "terms", "limited", "no", "unknown"] = "unknown"
    licence: str = Field("", max_length=200)


class EndpointIn(EndpointChange):
    """A new endpoint."""

    name: str = Field(min_length=1, max_length=80)
    preset: str = Field(
        "", max_length=40, description="Fills what `spec` leaves out: openai, anthropic, vllm, ollama ..."
    )


class CapIn(Body):
    endpoint: str = Field(pattern=r"^endpoint/[a-z0-9_-]{1,80}$")
    max_price: float | None = Field(None, gt=0, le=1e9)
    max_tokens: int | None = Field(None, ge=1, le=10**13)


def _out(row: Endpoint, used: queries.Spent | None = None) -> dict[str, Any]:
    names = ("key", "name", "has_key", *MORE, "tested_at", "tested")
    return {n: getattr(row, n) for n in names} | {
        "spec": row.spec,
        "gives": queries.kinds_of_answers(row),
        "month": words.month(row, used or queries.spent_this_month(row)),
    }


def _row(request: TeamRequest, slug: str) -> Endpoint:
    row = queries.by_key(request.team, f"endpoint/{slug}")
    if row is None:
        raise Http404(f"Your team has no endpoint called endpoint/{slug}.")
    return row


@router.get("/endpoints", response=list[EndpointOut], summary="Teacher endpoints of your team")
def list_endpoints(request: TeamRequest) -> list[dict[str, Any]]:
    spent, none = queries.spent_by_endpoint(request.team), queries.Spent()
    return [_out(row, spent.get(row.pk, none)) for row in queries.endpoints(request.team)]


@router.post("/endpoints", response={201: EndpointOut}, summary="Add an endpoint")
def add_endpoint(request: TeamRequest, body: EndpointIn) -> Status[dict[str, Any]]:
    """Nothing is asked yet; test it next."""
    need(request, Role.ADMIN)
    if body.preset and body.preset not in BY_ID:
        raise Refusal(422, "INPUT_INVALID", f"There is no preset {body.preset!r}.", field="preset", hint=f"One of {', '.join(BY_ID)}.")  # fmt: skip
    fills = {k: v for k, v in BY_ID[body.preset].fills.items() if k != "name"} if body.preset else {}
    more = {n: getattr(body, n) for n in MORE}
    return Status(
        201,
        _out(actions.add(request.team, request.user, body.name, _without_nulls(fills | body.spec), more, body.secret)),
    )


@router.get("/endpoints/{slug:slug}", response=EndpointOut, summary="One endpoint")
def get_endpoint(request: TeamRequest, slug: str) -> dict[str, Any]:
    return _out(_row(request, slug))


@router.patch("/endpoints/{slug:slug}", response=EndpointOut, summary="Change an endpoint")
def change_endpoint(request: TeamRequest, slug: str, body: EndpointChange) -> dict[str, Any]:
    """Under the same name. Another address, model or limit asks for a new test."""
    need(request, Role.ADMIN)
    row = _row(request, slug)
    more = {n: getattr(body if n in body.model_fields_set else row, n) for n in MORE}
    return _out(actions.change(row, _without_nulls(row.spec | body.spec), more, body.secret))


def _without_nulls(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if value is not None}


@router.delete("/endpoints/{slug:slug}", response={204: None}, summary="Remove an endpoint and its key")
def remove_endpoint(request: TeamRequest, slug: str) -> Status[None]:
    """What it answered stays with the runs."""
    need(request, Role.ADMIN)
    actions.remove(_row(request, slug))
    return Status(204, None)


@router.delete("/endpoints/{slug:slug}/key", response={204: None}, summary="Remove the stored key")
def remove_key(request: TeamRequest, slug: str) -> Status[None]:
    need(request, Role.ADMIN)
    actions.remove_key(_row(request, slug))
    return Status(204, None)


@router.post("/endpoints/{slug:slug}/test", response={202: RunOut}, summary="Test an endpoint")
def test_endpoint(request: TeamRequest, slug: str) -> Status[dict[str, Any]]:
    """Starts the work that asks two short questions; watch the returned run, then read `tested`."""
    need(request, Role.MEMBER)
    return Status(202, run_out(actions.test(_row(request, slug), request.user)))


@router.get("/runs/{uuid:run_id}/calls", response=dict[str, Any], summary="What a run's teachers were asked: counts")
def count_calls(request: TeamRequest, run_id: UUID) -> dict[str, Any]:
    found = queries.panel(pages.run_or_404(request.team, run_id))
    if found is None:
        return {"calls": 0, "kept_out": 0, "outcomes": {}, "endpoints": []}
    return {
        "calls": found.calls,
        "kept_out": found.kept_out,
        "outcomes": {name: n for name, _, n in found.outcomes},
        "calls_a_minute": found.rate,
        "endpoints": [
            {"key": x.key, "price": x.spent.price, "tokens": x.spent.tokens, "calls": x.spent.calls, "cap": x.cap}
            for x in found.lines
        ],
    }


@router.get(
    "/runs/{uuid:run_id}/calls.jsonl", summary="Every prompt and answer of a run, one a line", openapi_extra=JSONL
)
def download_calls(request: TeamRequest, run_id: UUID, outcome: str = Query("", max_length=20)) -> Any:
    run = pages.run_or_404(request.team, run_id)
    lines = queries.as_lines(queries.calls_of(run, outcome))
    return attachment(lines, f"run-{run.number}-teacher-calls.jsonl", "application/x-ndjson")


@router.post("/runs/{uuid:run_id}/cap", response=RunOut, summary="Raise the cap of a run whose budget is spent")
def raise_cap(request: TeamRequest, run_id: UUID, body: CapIn) -> dict[str, Any]:
    """It goes on where it stood; nothing is asked twice."""
    need(request, Role.MEMBER)
    run = pages.run_or_404(request.team, run_id)
    return run_out(actions.raise_and_go_on(run, request.user, body.endpoint, body.max_price, body.max_tokens))
