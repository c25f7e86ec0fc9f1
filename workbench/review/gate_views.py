"""The buttons of a run that waits for a review."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from jobs.distill.errors import DistillError
from workbench.runs.pages import run_or_404
from workbench.team.models import Role
from workbench.team.permissions import needs
from workbench.team.request import TeamRequest

from . import gates


@require_POST
@needs(Role.MEMBER)
def lay_out(request: TeamRequest, run_id: UUID) -> HttpResponse:
    run = run_or_404(request.team, run_id)
    try:
        gates.lay_out(run, request.user)
        messages.success(request, "The rows are being made a dataset; the desk opens from here when they are there.")
    except DistillError as e:
        _tell(request, e)
    return redirect("runs:detail", run.id)


@require_POST
@needs(Role.MEMBER)
def desk(request: TeamRequest, run_id: UUID) -> HttpResponse:
    run = run_or_404(request.team, run_id)
    try:
        return redirect("review:desk", gates.open_desk(run, request.user).pk)
    except DistillError as e:
        _tell(request, e)
    return redirect("runs:detail", run.id)


@require_POST
@needs(Role.MEMBER)
def go_on(request: TeamRequest, run_id: UUID) -> HttpResponse:
    run, number = run_or_404(request.team, run_id), request.POST.get("version", "")
    if number and (not number.isdecimal() or len(number) > 9):
        raise Http404("There is no such version.")
    try:
        gates.go_on(run, request.user, int(number) if number else None)
        messages.success(request, "The run waits for a free slot and goes on with these rows.")
    except DistillError as e:
        _tell(request, e)
    return redirect("runs:detail", run.id)


def _tell(request: TeamRequest, error: DistillError) -> None:
    messages.warning(request, " ".join(x for x in (error.message, error.hint) if x))
