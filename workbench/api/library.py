"""Models over the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Router, Status

from jobs.distill.errors import RecipeInvalid
from workbench.library import actions, queries
from workbench.library.forms import HubForm
from workbench.library.models import Model
from workbench.team.models import Role
from workbench.team.request import TeamRequest

from .auth import need
from .runs import run_out
from .schemas import AddModel, ModelOut, RunOut

router = Router(tags=["models"])


def _out(model: Model) -> dict[str, Any]:
    names = ("id", "key", "title", "source", "revision", "sha256", "licence", "facts")
    return {n: getattr(model, n) for n in names} | {"shared": model.team_id is None}


@router.get("/models", response=list[ModelOut], summary="Models you may use")
def list_models(request: TeamRequest) -> list[dict[str, Any]]:
    return [_out(m) for m in queries.models(request.team)[:1000]]


@router.get("/models/{uuid:model_id}", response=ModelOut, summary="One model")
def get_model(request: TeamRequest, model_id: UUID) -> dict[str, Any]:
    return _out(queries.model_or_404(request.team, model_id))


@router.post("/models", response={202: RunOut}, summary="Add a model of the hub")
def add_model(request: TeamRequest, body: AddModel) -> Status[dict[str, Any]]:
    """Starts the work that fetches and checks the model; watch the returned run."""
    need(request, Role.MEMBER)
    form = HubForm({**body.dict(), "idem_key": "00000000-0000-0000-0000-000000000000"})
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        raise RecipeInvalid(f"{field}: {errors[0]}", field=field)
    wanted = form.cleaned_data
    return Status(
        202,
        run_out(actions.add_from_hub(request.team, request.user, wanted["model"], wanted["revision"], wanted["token"])),
    )
