"""Uploads on their way to a dataset: bring rows, say which column is what, look, import."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from django import forms as django_forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from jobs.distill.data.listing import Which
from jobs.distill.errors import DistillError
from workbench.adapters.zipped import attachment
from workbench.runs.models import State
from workbench.team.models import Role
from workbench.team.permissions import needs
from workbench.team.request import TeamRequest

from . import actions, charts, children, forms, queries, uploads
from .models import Dataset, Upload
from .views import dataset_or_404, number_or, token_page


@csrf_exempt  # the quota must stand before anything reads the body; _upload checks the token then
@require_http_methods(["GET", "POST"])
@needs(Role.MEMBER)
def upload(request: TeamRequest) -> HttpResponse:
    quota = uploads.install(request)
    try:
        return _upload(request, quota)
    except RequestDataTooBig:
        return _too_large(request, "The pasted text", settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


@csrf_protect
def _upload(request: TeamRequest, quota: uploads.Quota) -> HttpResponse:
    into = dataset_or_404(request, UUID(d)) if (d := request.GET.get("dataset", "")) and _is_uuid(d) else None
    if request.method == "GET":
        return render(
            request,
            "datasets/upload.html",
            {"form": forms.UploadForm(), "into": into, "limit": settings.MAX_UPLOAD_BYTES},
        )
    form = forms.UploadForm(request.POST, request.FILES)
    if quota.exceeded:
        return _too_large(request, "The file", settings.MAX_UPLOAD_BYTES)
    context: dict[str, Any] = {"form": form, "into": into, "limit": settings.MAX_UPLOAD_BYTES}
    if not form.is_valid():
        empty = form.files.get("file")
        context["problem"] = (
            {"message": "The file is empty (0 bytes).", "remedy": "Upload the file again; the copy may have failed."}
            if empty is not None and empty.size == 0
            else None
        )
        return render(request, "datasets/upload.html", context, status=422)
    try:
        taken = _take(request, form, into)
    except DistillError as e:
        context |= {
            "problem": {"message": e.message, "remedy": e.hint},
            "filename": actions.shown_name(form.cleaned_data["file"].name) if form.cleaned_data.get("file") else "",
        }
        return render(request, "datasets/upload.html", context, status=422)
    return redirect("datasets:confirm", taken.pk)


def _take(request: TeamRequest, form: forms.UploadForm, into: Dataset | None) -> Upload:
    """Writes what came to a temporary file of its own and looks at it there."""
    file, text = form.cleaned_data.get("file"), form.cleaned_data.get("text") or ""
    with tempfile.NamedTemporaryFile(prefix="upload-") as place:
        for chunk in file.chunks() if file else [text.replace("\r\n", "\n").encode("utf-8", "surrogatepass")]:
            place.write(chunk)
        place.flush()
        name = file.name if file else "pasted.jsonl" if text.lstrip().startswith(("{", "[")) else "pasted.csv"
        return actions.take_upload(request.team, request.user, Path(place.name), name, into)


def _too_large(request: TeamRequest, what: str, limit: int) -> HttpResponse:
    context = {
        "form": forms.UploadForm(),
        "limit": settings.MAX_UPLOAD_BYTES,
        "problem": {
            "message": f"{what} is larger than {limit / 1024**2:,.0f} MiB, the most that is taken at once.",
            "remedy": "Upload it in parts, or compress it with gzip.",
        },
    }
    return render(request, "datasets/upload.html", context, status=413)


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
        "last": queries.import_run(found),
    }  # fmt: skip


def _about(found: Upload) -> dict[str, str]:
    if found.dataset:
        return {
            "title": found.dataset.title,
            "licence": found.dataset.licence,
            "attribution": found.dataset.attribution,
        }
    return {"title": _title(found)}


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


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
