"""Drafts over the API: list, make, read, change, check, undo, start, and what differs between two recipes."""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from uuid import UUID

from django.http import Http404
from django.urls import reverse
from ninja import Query, Router, Status
from pydantic import Field

from jobs.distill.errors import RecipeInvalid
from workbench.studio import (
    actions,
    comments,
    differences,
    editing,
    history,
    paths,
    prompts,
    queries,
    recipe_text,
    sides,
)
from workbench.studio.models import Draft
from workbench.team.models import Role
from workbench.team.request import TeamRequest

from .answers import Refusal
from .auth import need
from .runs import _detail
from .schemas import Body, Error, RunDetail

router = Router(tags=["drafts"])
WHAT = "draft:<id>, run:<number or id>, a recipe as an object, or as YAML text"


class NewDraft(Body):
    recipe: dict[str, Any] | str = Field(
        default_factory=dict, description=f"What it starts with: {WHAT}. May be unfinished."
    )


class ChangeDraft(Body):
    """At most one of recipe and do; set and drop come first."""

    seen: int | None = Field(
        None,
        ge=0,
        le=2**31 - 1,
        description="`head` as you read it: refused with 409 where it moved since. Without it nothing is compared.",
    )
    set: dict[str, Any] = Field(default_factory=dict, description="Dotted field -> value: student.adapter.rank -> 8.")
    drop: list[str] = Field(
        default_factory=list, max_length=200, description="Dotted fields that go back to their default."
    )
    recipe: dict[str, Any] | str | None = Field(
        None, description="The whole recipe instead, as an object or as YAML text."
    )
    do: str = Field(
        "", max_length=400, description="A button of the board: spell, add:stages:train, insert:stages.0:select, copy:stages.1, "
        "move:stages.2:0, up:stages.1, down:stages.1, rename:stages.1:warm, remove:stages.1.",
    )  # fmt: skip


class TwoRecipes(Body):
    a: dict[str, Any] | str = Field(description=WHAT)
    b: dict[str, Any] | str = Field(description=WHAT)


def _one(request: TeamRequest, draft_id: UUID, change: bool = False) -> Draft:
    draft = queries.drafts(request.team).select_related("created_by", "run").filter(pk=draft_id).first()
    if draft is None:
        raise Http404("There is no such draft.")
    if change:
        need(request, Role.MEMBER)
        if not actions.may_change(draft, request.user):
            raise Refusal(
                403, "NOT_YOURS", f"This draft belongs to {draft.created_by}.", hint="Make a draft from it: POST /drafts with recipe draft:<id>."
            )  # fmt: skip
    return draft


def _row(draft: Draft) -> dict[str, Any]:
    return {
        "id": str(draft.id), "title": draft.title, "created_by": draft.created_by.email if draft.created_by else "",
        "changed_at": draft.changed_at.isoformat(), "head": draft.head, "run": draft.run.number if draft.run else None,
        "url": reverse("studio:draft", args=[draft.id]),
    }  # fmt: skip


def _whole(draft: Draft) -> dict[str, Any]:
    last = draft.changes.filter(number=draft.head).first()
    return _row(draft) | {
        "recipe": draft.fields,
        "yaml": recipe_text.dump(queries.complete(draft.fields), draft.comments),
        "last_change": last.words if last else "",
    }


def _fields(given: dict[str, Any] | str) -> tuple[dict[str, Any], list[Any]]:
    """The fields and comments of a recipe that may be unfinished; raises RecipeInvalid with line and column."""
    if isinstance(given, str):
        side = sides.of_text(given)
        return side.fields, comments.plain(comments.find(given))
    _storable(given)
    return {k: v for k, v in given.items() if k != "version"}, []


def _storable(data: dict[str, Any]) -> None:
    try:
        queries.storable(data)
    except (ValueError, TypeError) as e:
        raise RecipeInvalid(f"The recipe cannot be stored: {e}.", field="recipe") from None


@router.get("/drafts", response=list[dict[str, Any]], summary="Drafts of your team")
def list_drafts(
    request: TeamRequest, mine: bool = False, limit: int = Query(100, ge=1, le=500)
) -> list[dict[str, Any]]:
    found = queries.drafts(request.team).exclude(fields={}).select_related("created_by", "run")
    return [_row(d) for d in (found.filter(created_by=request.user) if mine else found)[:limit]]


@router.post("/drafts", response={201: dict[str, Any], 422: Error}, summary="Make a draft")
def create(request: TeamRequest, body: NewDraft) -> Status[dict[str, Any]]:
    """From a recipe, or as a copy of a draft or of a run."""
    need(request, Role.MEMBER)
    text = body.recipe if isinstance(body.recipe, str) else ""
    fields: dict[str, Any]
    said: list[Any] = []
    if text.partition(":")[0] in ("draft", "run") and "\n" not in text:
        fields = sides.named(request.team, text).fields
    else:
        fields, said = _fields(body.recipe)
    title = str(fields.get("name") or "")[:200]
    draft = Draft.objects.create(team=request.team, created_by=request.user, title=title, fields=fields, comments=said)
    return Status(201, _whole(draft))


@router.get("/drafts/{uuid:draft_id}", response=dict[str, Any], summary="One draft")
def read(request: TeamRequest, draft_id: UUID) -> dict[str, Any]:
    return _whole(_one(request, draft_id))


@router.patch(
    "/drafts/{uuid:draft_id}", response={200: dict[str, Any], 409: Error, 422: Error}, summary="Change a draft"
)
def change(request: TeamRequest, draft_id: UUID, body: ChangeDraft) -> dict[str, Any]:
    """One change, one state of the history. 409 where somebody changed the draft since `seen`; yours is kept as a state."""
    draft = _one(request, draft_id, change=True)
    seen = history.Seen(body.seen, by=request.user)
    said: list[Any] | None = None
    fields, words = dict(history.base_of(draft, seen)), ""
    if body.recipe is not None:
        fields, said = _fields(body.recipe)
    fields = _with(fields, body)
    if body.do:
        done = editing.edit(fields, body.do, {})
        fields, words = done.fields, done.words
        said = comments.moved(draft.comments if said is None else said, done.where, done.order) if done.order else said
    _storable(fields)
    actions.save_draft(draft, fields, seen, words, said)
    return _whole(draft)


def _with(fields: dict[str, Any], body: ChangeDraft) -> dict[str, Any]:
    """The fields with some set and some dropped; RecipeInvalid for a place that is not there."""
    out = deepcopy(fields)
    for path, value in body.set.items():
        paths.put(out, path, value)
        if paths.get(out, path) != value:
            raise RecipeInvalid(f"{path}: there is no such place in this recipe.", field=path)
    for path in body.drop:
        paths.drop_inside(out, path)
    return out


@router.post(
    "/drafts/{uuid:draft_id}/check", response=dict[str, Any], summary="What is missing, wrong or worth knowing"
)
def check(request: TeamRequest, draft_id: UUID) -> dict[str, Any]:
    found = queries.check(request.team, _one(request, draft_id).fields)
    return {
        "ok": found.ok,
        "label": found.label,
        "missing": found.missing,
        "problems": [p.model_dump(mode="json") for p in found.refusals],
        "warnings": [p.model_dump(mode="json") for p in found.warnings],
        "plan": found.plan.model_dump(mode="json") if found.plan else None,
    }


@router.get(
    "/drafts/{uuid:draft_id}/prompts", response=dict[str, Any], summary="What a stage would ask about the first rows"
)
def show_prompts(request: TeamRequest, draft_id: UUID, stage: str = Query(max_length=200)) -> dict[str, Any]:
    """`stage`: stages.0, or stages.2.stages.0 within a loop. The prompts are filled in; nobody is asked."""
    return prompts.preview(request.team, _one(request, draft_id).fields, stage)


@router.post("/drafts/{uuid:draft_id}/submit", response={201: RunDetail, 422: Error}, summary="Start the draft")
def submit(request: TeamRequest, draft_id: UUID) -> Status[dict[str, Any]]:
    """The same draft gives the same run until it is changed."""
    return Status(201, _detail(actions.submit_draft(_one(request, draft_id, change=True), request.user)))


@router.get("/drafts/{uuid:draft_id}/history", response=list[dict[str, Any]], summary="Every state it was in")
def states(request: TeamRequest, draft_id: UUID) -> list[dict[str, Any]]:
    draft = _one(request, draft_id)
    found = draft.changes.select_related("by").defer("fields", "comments")
    return [
        {"number": c.number, "parent": c.parent, "words": c.words, "by": c.by.email if c.by else "", "at": c.at.isoformat(), "now": c.number == draft.head}
        for c in found
    ]  # fmt: skip


@router.post("/drafts/{uuid:draft_id}/undo", response=dict[str, Any], summary="One state back")
def undo(request: TeamRequest, draft_id: UUID) -> dict[str, Any]:
    draft = _one(request, draft_id, change=True)
    if history.undo(draft) is None:
        raise Refusal(409, "NOTHING_TO_UNDO", "There is nothing to undo.")
    return _whole(draft)


@router.post("/drafts/{uuid:draft_id}/redo", response=dict[str, Any], summary="One state forward again")
def redo(request: TeamRequest, draft_id: UUID) -> dict[str, Any]:
    draft = _one(request, draft_id, change=True)
    if history.redo(draft) is None:
        raise Refusal(409, "NOTHING_TO_REDO", "There is nothing to do again.")
    return _whole(draft)


@router.delete("/drafts/{uuid:draft_id}", response={204: None}, summary="Discard a draft")
def discard(request: TeamRequest, draft_id: UUID) -> Status[None]:
    _one(request, draft_id, change=True).delete()
    return Status(204, None)


@router.post("/recipes/diff", response={200: dict[str, Any], 422: Error}, summary="What differs between two recipes")
def diff(request: TeamRequest, body: TwoRecipes) -> dict[str, Any]:
    """Field by field, in words. A method is compared with spelled-out stages by the stages it stands for."""
    a, b = (sides.given(request.team, what) for what in (body.a, body.b))
    found, note = differences.compare(a.fields, b.fields)
    rows = [
        {
            "field": d.path,
            "place": d.place,
            "title": d.title,
            "kind": d.kind,
            "a": d.before,
            "b": d.after,
            "words": d.words,
        }
        for d in found
    ]
    return {"a": a.name, "b": b.name, "note": note, "differences": rows}
