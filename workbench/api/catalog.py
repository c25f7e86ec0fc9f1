"""The catalogue and the plan over the API: the same functions as the page and the command line use."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from ninja import Router

from jobs.distill import catalog
from jobs.distill import recipe as recipes
from jobs.distill.catalog.show import all_parts
from jobs.distill.plan.result import Problem
from jobs.distill.recipe import Recipe
from workbench.studio import queries
from workbench.studio.actions import Refused
from workbench.team.request import TeamRequest

from .schemas import RecipeIn

router = Router(tags=["recipes"])


def recipe_of(body: RecipeIn) -> Recipe:
    """Raises RecipeInvalid with field and range, or line and column for YAML text."""
    return recipes.from_yaml(body.recipe) if isinstance(body.recipe, str) else recipes.parse(body.recipe)


@router.get("/systems", response=list[dict[str, Any]], summary="Published methods")
def systems(request: TeamRequest) -> list[dict[str, Any]]:
    return [catalog.system_json(s) for s in catalog.SYSTEMS.values()]


@router.get("/systems/{str:system_id}", response=dict[str, Any], summary="One published method")
def system(request: TeamRequest, system_id: str) -> dict[str, Any]:
    if system_id not in catalog.SYSTEMS:
        raise Http404
    return catalog.system_json(catalog.SYSTEMS[system_id])


@router.get("/parts", response=list[dict[str, Any]], summary="Parts that methods are made of")
def parts(request: TeamRequest) -> list[dict[str, Any]]:
    """Objective terms, token weights, selections, sources, teachers, adapters, shapes and merges, each with its `kind`."""
    return [catalog.part_json(p) for p in all_parts()]


@router.get("/recipe-schema", response=dict[str, Any], summary="JSON schema of a recipe")
def recipe_schema(request: TeamRequest) -> dict[str, Any]:
    """Every field with title, description and range: the text beside the fields of the studio and in the manual."""
    return Recipe.model_json_schema()


def _not_enough(missing: list[str]) -> Problem:
    what = (
        f"No {' and no '.join(missing)} is chosen."
        if missing
        else "This recipe names its rows by file; the workbench needs a dataset of the library."
    )
    return Problem(
        code="PLAN_REFUSED",
        field="data.dataset" if not missing or missing[0] == "dataset" else f"{missing[0]}.model",
        message=what,
    )


@router.post("/plan", response=dict[str, Any], summary="Check a recipe without starting it")
def plan(request: TeamRequest, body: RecipeIn) -> dict[str, Any]:
    """Verdict, refusals with their field and fix, memory, time, rows. A recipe that cannot be planned at all is a 422."""
    check = queries.check(request.team, recipes.to_dict(recipe_of(body)))
    if check.plan is None:
        raise Refused(check.refusals or [_not_enough(check.missing)])
    return check.plan.model_dump(mode="json") | {
        "ok": check.ok,
        "problems": [p.model_dump(mode="json") for p in check.refusals],
    }
