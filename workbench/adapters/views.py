"""Adapters: the list, the card of one, its download, the check of its hashes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from jobs.distill.errors import ArtifactDamaged
from workbench.runs import pages
from workbench.runs import report as reports
from workbench.team.models import Role
from workbench.team.permissions import needs
from workbench.team.request import TeamRequest

from . import queries, zipped


@require_GET
def adapter_list(request: TeamRequest) -> HttpResponse:
    q = request.GET.get("q", "").replace("\x00", "")[:100].strip()
    page = queries.adapter_list(request.team, q, pages.page_number(request.GET.get("page")))
    return render(request, "adapters/list.html", {"page": page, "q": q, "query": f"q={q}&" if q else ""})


@require_GET
def detail(request: TeamRequest, run_id: UUID) -> HttpResponse:
    return render(request, "adapters/detail.html", _context(request, run_id))


@require_GET
def download(request: TeamRequest, run_id: UUID) -> HttpResponseBase:
    """The zip, after every stored byte matched its hash; 409 ARTIFACT_DAMAGED otherwise."""
    run = queries.adapter_or_404(request.team, run_id)
    try:
        entries = queries.verified_entries(run)
    except ArtifactDamaged as e:
        if "application/json" in request.headers.get("Accept", ""):
            return JsonResponse(e.as_dict(), status=409)
        return render(request, "adapters/damaged.html", {"run": run, "error": e}, status=409)
    return zipped.attachment(zipped.stream(entries), f"{queries.archive_name(run)}.zip")


@require_POST
@needs(Role.MEMBER)
def verify(request: TeamRequest, run_id: UUID) -> HttpResponse:
    context = _context(request, run_id)
    context["checked"] = queries.check(context["run"])
    context["sound"] = all(f["ok"] for f in context["checked"])
    return render(request, "adapters/detail.html", context)


def _context(request: TeamRequest, run_id: UUID) -> dict[str, Any]:
    run = queries.adapter_or_404(request.team, run_id)
    return {
        "run": run,
        "row": pages.row(run),
        "files": queries.files(run),
        "card": queries.card(run),
        "report": reports.build(run.report),
        "folder": queries.archive_name(run),
        "base": run.spec.get("student", {}),
        "sha256": (run.report or {}).get("adapter_sha256", ""),
    }
