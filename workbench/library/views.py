"""Models one may pick as teacher or student: the list, one model, adding one."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import actions, queries
from .forms import FolderForm, HubForm


@require_GET
def library(request: TeamRequest) -> HttpResponse:
    q = request.GET.get("q", "").replace("\x00", "")[:100].strip()
    context = {
        "q": q,
        "models": queries.library(request.team, q),
        "under_way": queries.under_way(request.team),
        "may_add": allows(request.role, Role.MEMBER),
    }
    return render(request, "library/list.html", context)


@require_GET
def detail(request: TeamRequest, model_id: UUID) -> HttpResponse:
    item = queries.shown(queries.model_or_404(request.team, model_id))
    return render(
        request,
        "library/detail.html",
        {
            "item": item,
            "model": item.model,
            "rows": queries.fact_list(item),
            "source": queries.source_words(item.model),
        },
    )


@require_http_methods(["GET", "POST"])
@needs(Role.MEMBER)
def add(request: TeamRequest) -> HttpResponse:
    """Add from the hub; the work's page shows progress and refusals."""
    form = HubForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        if found := queries.existing(request.team, wanted["model"], wanted["revision"]):
            messages.info(request, f"{found.title} is already in the library at this commit.")
            return redirect("library:detail", found.id)
        run = actions.add_from_hub(
            request.team, request.user, wanted["model"], wanted["revision"], wanted["token"], wanted["idem_key"]
        )
        return redirect("runs:detail", run.id)
    return _form(request, form, FolderForm())


@require_POST
@needs(Role.ADMIN)
def add_folder(request: TeamRequest) -> HttpResponse:
    form = FolderForm(request.POST)
    if form.is_valid():
        run = actions.add_from_folder(
            request.team, request.user, form.cleaned_data["folder"], form.cleaned_data["idem_key"]
        )
        return redirect("runs:detail", run.id)
    return _form(request, HubForm(), form)


@require_POST
@needs(Role.MEMBER)
def remove_token(request: TeamRequest) -> HttpResponse:
    actions.remove_hub_token(request.team)
    messages.success(request, "The team's hub token was removed.")
    return redirect("library:add")


def _form(request: TeamRequest, hub: HubForm, folder: FolderForm) -> HttpResponse:
    bad = (hub.is_bound and not hub.is_valid()) or (folder.is_bound and not folder.is_valid())
    context = {
        "hub": hub,
        "folder": folder,
        "has_token": queries.has_hub_token(request.team),
        "may_folder": allows(request.role, Role.ADMIN),
        "roots": len(settings.MODEL_ROOTS),
    }
    return render(request, "library/add.html", context, status=422 if bad else 200)
