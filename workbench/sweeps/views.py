"""Pages of sweeps: compose one from a draft, watch its settings, stop it."""

from __future__ import annotations

import uuid
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from jobs.distill.catalog import options_schema
from jobs.distill.errors import DistillError
from workbench.studio import forms as fields
from workbench.studio import queries as studio
from workbench.studio.models import Draft
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import actions, forms, queries


@require_GET
def list_(request: TeamRequest) -> HttpResponse:
    found = queries.sweeps(request.team)[:100]
    rows = [{"sweep": s, "state": queries.state(s, list(s.members.select_related("run")))} for s in found]
    return render(request, "sweeps/list.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@needs(Role.MEMBER)
def new(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """The form; every change of it is answered with count and cost, and nothing is started."""
    draft = get_object_or_404(studio.drafts(request.team), pk=draft_id)
    form = forms.read(request.POST) if request.method == "POST" else forms.SweepForm(title=_title(draft))
    if request.method == "GET":
        form.rows = [(request.GET.get("field", "")[:200], "")] if request.GET.get("field") else []
    if request.htmx:
        return render(request, "sweeps/_partials/cost.html", _costed(request, draft, form) | {"draft": draft})
    return _page(request, draft, form, key=request.POST.get("key") or str(uuid.uuid4()))


@require_POST
@needs(Role.MEMBER)
def start(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    draft = get_object_or_404(studio.drafts(request.team), pk=draft_id)
    form, key = forms.read(request.POST), request.POST.get("key", "")
    try:
        idem = uuid.uuid5(draft.id, key) if key else None
        sweep = actions.start(
            request.team, request.user, form.title, draft.fields, form.axes, form.mode, form.race_of, idem
        )
    except DistillError as e:
        return _page(request, draft, form, key=key, status=422, refused=e)
    return redirect("sweeps:detail", sweep.id)


@require_GET
def detail(request: TeamRequest, sweep_id: UUID) -> HttpResponse:
    sweep = get_object_or_404(queries.sweeps(request.team), pk=sweep_id)
    members = list(sweep.members.select_related("run"))
    lines = queries.lines(sweep, members)
    state, sentence = queries.state(sweep, members)
    context = {
        "sweep": sweep,
        "lines": lines,
        "axes": queries.axes(sweep, lines),
        "names": [queries.title_of(a["path"]) for a in sweep.axes],
        "state": state,
        "sentence": sentence,
        "live": not (sweep.ended_at or sweep.stopped_at),
        "may": allows(request.role, Role.MEMBER),
        "compare": [line.run.id for line in lines if line.gap is not None][:10],
        "judged": sum(line.gap is not None for line in lines),
    }
    return render(request, "sweeps/_partials/board.html" if request.htmx else "sweeps/detail.html", context)


@require_POST
@needs(Role.MEMBER)
def stop(request: TeamRequest, sweep_id: UUID) -> HttpResponse:
    sweep = get_object_or_404(queries.sweeps(request.team), pk=sweep_id)
    count = actions.stop(sweep)
    messages.success(
        request, f"The sweep was stopped; {count} run{'' if count == 1 else 's'} cancelled. Finished runs stay."
    )
    return redirect("sweeps:detail", sweep.id)


def _title(draft: Draft) -> str:
    return f"{draft.title or 'Sweep'}"[:200]


def _costed(request: TeamRequest, draft: Draft, form: forms.SweepForm) -> dict[str, Any]:
    if not any(path for path, _ in form.rows):
        return {"cost": None, "wrong": None, "form": form}
    try:
        return {"cost": actions.cost(request.team, draft.fields, form.axes, form.mode, form.race_of), "form": form}
    except DistillError as e:
        return {"cost": None, "wrong": e, "form": form}


def _page(
    request: TeamRequest, draft: Draft, form: forms.SweepForm, key: str, status: int = 200, refused: Any = None
) -> HttpResponse:
    data = studio.complete(draft.fields)
    system = studio.system_of(draft.fields)
    options = fields.option_inputs(options_schema(system), draft.fields) if system else []
    context = _costed(request, draft, form) | {
        "draft": draft,
        "data": data,
        "form": form,
        "groups": forms.choices(data, options),
        "keeps": forms.KEEPS,
        "key": key,
        "refused": refused,
    }
    return render(request, "sweeps/new.html", context, status=status)
