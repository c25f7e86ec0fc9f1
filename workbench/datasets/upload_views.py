"""Uploads on their way to a dataset: bring rows, say which column is what, look, import."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from django import forms as django_forms
from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from jobs.distill.data.listing import Which
from jobs.distill.data.tasks.templates import TEMPLATES
from jobs.distill.errors import DistillError
from workbench.adapters.zipped import attachment
from workbench.runs import words
from workbench.runs.models import State
from workbench.team.models import Role
from workbench.team.permissions import needs
from workbench.team.request import TeamRequest

from . import actions, charts, children, forms, queries, sources
from .models import Upload
from .views import number_or, token_page


@require_http_methods(["GET", "POST"])
@needs(Role.MEMBER)
def confirm(request: TeamRequest, upload_id: UUID) -> HttpResponse:
    """Roles in the column headers, what was found, and the import."""
    found = _get_upload(request, upload_id)
    if request.method == "GET":
        return render(request, "datasets/confirm.html", _mapping_page(request, found))
    form, about = forms.about(request.POST, _title(found))
    try:
        roles, options = forms.mapping(request.POST, found.findings["columns"]), forms.options(request.POST)
        if request.POST.get("do") == "check":
            actions.look_again(found, roles, options)
            return redirect("datasets:confirm", found.pk)
        actions.start_import(found, request.user, about, roles, options)
    except (DistillError, django_forms.ValidationError) as e:
        return render(request, "datasets/confirm.html", _mapping_page(request, found, form, e), status=422)
    return redirect("datasets:importing", found.pk)


@require_POST
@needs(Role.MEMBER)
def check(request: TeamRequest, upload_id: UUID) -> HttpResponse:
    """The same page's middle after a change of roles or options."""
    found = _get_upload(request, upload_id)
    form, _ = forms.about(request.POST, _title(found))
    problem: Exception | None = None
    try:
        actions.look_again(found, forms.mapping(request.POST, found.findings["columns"]), forms.options(request.POST))
    except (DistillError, django_forms.ValidationError) as e:
        problem = e
    response = render(
        request,
        "datasets/_partials/mapping.html",
        _mapping_page(request, found, form, problem),
        status=422 if problem else 200,
    )
    response["HX-Trigger-After-Settle"] = "mapping-changed"
    return response


def _mapping_page(
    request: TeamRequest, found: Upload, form: Any = None, problem: Exception | None = None
) -> dict[str, Any]:
    findings = found.findings
    accepted = (findings.get("options") or {}).get("accepted", [])
    by_column = [c["name"] for c in findings["columns"]]
    sample = [
        {"line": r["line"], "cells": [r["values"].get(name) for name in by_column]} for r in findings["sample"][:8]
    ]
    groups = {
        severity: [p | {"ticked": p["code"] in accepted} for p in findings["problems"] if p["severity"] == severity]
        for severity in ("refuse", "choose", "confirm", "note")
    }
    counts = findings.get("counts") or {}
    return {
        "upload": found, "f": findings, "sample": sample, "groups": groups, "counts": counts,
        "about": form or forms.AboutForm(initial=_about(found)), "options": findings.get("options") or {},
        "importable": bool(counts.get("rows")) and not groups["refuse"],
        "problem": " ".join(problem.messages) if isinstance(problem, django_forms.ValidationError) else str(problem) if problem else "",
        "hint": getattr(problem, "hint", None), "licences": forms.LICENCES, "labels": charts.labels(findings["labels"][:8], counts.get("labelled", 0)),
        "columns": forms.columns(findings), "role_choices": forms.role_choices(findings.get("known_roles") or {}),
        "row": next(iter(findings.get("rows") or []), None), **_task(findings, request.POST),
        "last": queries.import_run(found), "came_from": sources.words(found.origin),
    }  # fmt: skip


def _task(findings: dict[str, Any], sent: QueryDict) -> dict[str, Any]:
    """The task's template that holds, all that could be chosen, and the instruction as a person left it."""
    template = findings.get("template") or {}
    written = sent.get("instruction", "").replace("\r\n", "\n")
    kept = written if written.strip() != sent.get("proposed", "").replace("\r\n", "\n").strip() else ""
    return {
        "tasks": list(TEMPLATES.values()),
        "task": TEMPLATES.get(template.get("key", "")),
        "found_task": TEMPLATES.get(template.get("found", "")),
        "instruction": (findings.get("options") or {}).get("instruction") or kept or template.get("instruction", ""),
        "metric_words": words.METRICS.get(template.get("metric", ""), "what suits the length of the answers"),
    }


def _about(found: Upload) -> dict[str, str]:
    if found.dataset:
        return {
            "title": found.dataset.title,
            "licence": found.dataset.licence,
            "attribution": found.dataset.attribution,
        }
    attribution = sources.words(found.origin) if found.origin.get("kind") in ("hub", "address") else ""
    return {"title": _title(found), "licence": found.origin.get("licence") or "", "attribution": attribution}


def _title(found: Upload) -> str:
    return found.dataset.title if found.dataset else Path(found.filename.removesuffix(".gz")).stem[:200] or "Dataset"


@require_GET
def upload_tokens(request: TeamRequest, upload_id: UUID) -> HttpResponse:
    found = _get_upload(request, upload_id)
    rows, wanted = found.findings["rows"], max(1, number_or(request.GET.get("row"), 1))
    return token_page(
        request,
        rows[wanted - 1 : wanted],
        wanted,
        len(rows),
        reverse("datasets:upload_tokens", args=[found.pk]),
        reverse("datasets:confirm", args=[found.pk]),
    )


@require_GET
def listing(request: TeamRequest, upload_id: UUID, which: Which) -> HttpResponseBase:
    """All rows of the file that are refused, or that an import would change, as CSV; before anything is imported."""
    found = _get_upload(request, upload_id)
    if which not in ("refused", "changed"):
        raise Http404
    lines = children.listing(children.local_copy(found.blob_id), found.filename, found.findings, which)
    return attachment(lines, f"{which}-rows.csv", "text/csv; charset=utf-8")


@require_GET
def importing(request: TeamRequest, upload_id: UUID) -> HttpResponse:
    """Progress of the import; leads to the new version once it is there."""
    found = _get_upload(request, upload_id)
    run = queries.import_run(found)
    if run is None:
        return redirect("datasets:confirm", found.pk)
    if run.state == State.SUCCEEDED and (made := queries.version_of(run)):
        target = reverse("datasets:version", args=[made.dataset_id, made.number])
        return HttpResponse(status=204, headers={"HX-Redirect": target}) if request.htmx else redirect(target)
    return render(
        request,
        "datasets/_partials/progress.html" if request.htmx else "datasets/importing.html",
        {"upload": found, "run": run},
    )


@require_POST
@needs(Role.MEMBER)
def discard(request: TeamRequest, upload_id: UUID) -> HttpResponse:
    actions.discard(_get_upload(request, upload_id))
    messages.success(request, "The upload was discarded.")
    return redirect("datasets:list")


def _get_upload(request: TeamRequest, upload_id: UUID) -> Upload:
    try:
        return queries.upload(request.team, upload_id)
    except Upload.DoesNotExist:
        raise Http404 from None
