"""What helps to decide, over the API: the pairing verdict, the advisor, templates, dry runs, devices to plan for."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.urls import reverse
from ninja import Header, Query, Router, Schema, Status
from pydantic import Field

from jobs.distill.catalog.advice import QUESTIONS, Advised, Question, advise
from jobs.distill.errors import ModelRejected
from jobs.distill.plan.endpoints import verdict as behind_address
from jobs.distill.plan.facts import ModelFacts
from jobs.distill.plan.gpus import GPUS
from jobs.distill.plan.pairing import pairing
from jobs.distill.plan.result import Verdict
from jobs.distill.recipe.endpoint import LIBRARY
from jobs.samples.templates import TEMPLATES, Template
from workbench.studio import dry_runs, queries
from workbench.studio.starting import start_from
from workbench.team.models import Role, Team
from workbench.team.request import TeamRequest

from .auth import need
from .catalog import recipe_of
from .runs import idem_key, run_out
from .schemas import Body, Error, RecipeIn, RunOut

router = Router(tags=["guidance"])


class Answers(Body):
    answers: dict[str, str] = Field(description="Question -> answer; questions may be left out.")
    most: int = Field(10, ge=1, le=100, description="How many methods to give back.")


class DraftOut(Schema):
    id: str
    title: str
    url: str


class Device(Schema):
    id: str
    name: str
    memory_bytes: int


@router.get("/verdict", response={200: Verdict, 422: Error}, summary="Can this teacher teach this student?")
def verdict(
    request: TeamRequest, teacher: str = Query(..., max_length=400), student: str = Query(..., max_length=400)
) -> Verdict:
    """From tokenizers and configs alone; nothing is loaded. Models by the key a recipe would name."""
    learner = _facts(request.team, student, "student")
    if teacher.startswith(LIBRARY):
        found = queries.find(request.team, {"teacher": {"model": teacher}})
        if "teacher" not in found.endpoints:
            raise ModelRejected(found.problems[0].message, code=found.problems[0].code, field="teacher")
        return behind_address(learner, found.endpoint_facts["teacher"])
    return pairing(learner, _facts(request.team, teacher, "teacher"))


def _facts(team: Team, key: str, who: str) -> ModelFacts:
    """Raises ModelRejected for a model that the team does not have, or that is not inspected yet."""
    found = queries.find(team, {who: {"model": key}})
    facts = found.teacher_facts if who == "teacher" else found.student_facts
    if facts is None:
        problem = found.problems[0]
        raise ModelRejected(problem.message, code=problem.code, field=who)
    return facts


@router.get("/advice", response=list[Question], summary="The advisor's questions")
def questions(request: TeamRequest) -> list[Question]:
    return list(QUESTIONS)


@router.post("/advice", response={200: list[Advised], 422: Error}, summary="Rank the methods for some answers")
def advice(request: TeamRequest, body: Answers) -> list[Advised]:
    """Best first, with every reason and its paper; methods that cannot work are left out."""
    return advise(body.answers)[: body.most]


@router.get("/templates", response=list[Template], summary="Starting recipes for real tasks")
def templates(request: TeamRequest) -> list[Template]:
    return list(TEMPLATES.values())


@router.get("/templates/{str:template_id}", response=Template, summary="One template")
def template(request: TeamRequest, template_id: str) -> Template:
    if template_id not in TEMPLATES:
        raise Http404
    return TEMPLATES[template_id]


@router.post("/templates/{str:template_id}/draft", response={201: DraftOut}, summary="A draft from a template")
def use_template(request: TeamRequest, template_id: str) -> Status[dict[str, str]]:
    need(request, Role.MEMBER)
    if template_id not in TEMPLATES:
        raise Http404
    draft = start_from(request.team, request.user, template_id)
    url = reverse("studio:draft", args=[draft.id])
    return Status(201, {"id": str(draft.id), "title": draft.title, "url": url})


@router.get("/devices", response=list[Device], summary="Common devices to plan for")
def devices(request: TeamRequest) -> list[dict[str, Any]]:
    return [{"id": g.id, "name": g.name, "memory_bytes": g.facts.memory_bytes} for g in GPUS]


@router.post("/dry-runs", response={201: RunOut, 422: Error}, summary="Measure two real steps of a recipe")
def dry_run(
    request: TeamRequest, body: RecipeIn, key: str | None = Header(None, alias="Idempotency-Key", max_length=200)
) -> Status[dict[str, Any]]:
    """Starts a run of kind dry_run; its report has seconds a step, memory at the peak and the time of the whole run."""
    need(request, Role.MEMBER)
    run = dry_runs.submit_recipe(
        request.team, request.user, recipe_of(body), idem_key(request.team.id, f"dry run: {key}" if key else None)
    )
    return Status(201, run_out(run))
