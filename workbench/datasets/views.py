"""Datasets: bring rows, say which column is what, look, import, browse."""

from __future__ import annotations

import csv
import io
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

from jobs.distill.errors import DistillError
from workbench.adapters.zipped import attachment, text_attachment
from workbench.runs.models import State
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import actions, charts, children, forms, queries, uploads
from .models import Dataset, DatasetVersion, Upload

FORMULA = ("=", "+", "-", "@", "\t", "\r")


@require_GET
def list_(request: TeamRequest) -> HttpResponse:
    found = list(queries.datasets(request.team))
    pending = list(queries.open_uploads(request.team)[:10])
    return render(request, "datasets/list.html", {"datasets": found, "pending": pending, "can_write": _may_write(request)})


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
    into = _dataset(request, UUID(d)) if (d := request.GET.get("dataset", "")) and _is_uuid(d) else None
    if request.method == "GET":
        return render(request, "datasets/upload.html", {"form": forms.UploadForm(), "into": into, "limit": settings.MAX_UPLOAD_BYTES})
    form = forms.UploadForm(request.POST, request.FILES)
    if quota.exceeded:
        return _too_large(request, "The file", settings.MAX_UPLOAD_BYTES)
    context: dict[str, Any] = {"form": form, "into": into, "limit": settings.MAX_UPLOAD_BYTES}
    if not form.is_valid():
        empty = form.files.get("file")
        context["problem"] = {"message": "The file is empty (0 bytes).", "remedy": "Upload the file again; the copy may have failed."} if empty is not None and empty.size == 0 else None
        return render(request, "datasets/upload.html", context, status=422)
    try:
        taken = _take(request, form, into)
    except DistillError as e:
        context |= {"problem": {"message": e.message, "remedy": e.hint}, "filename": actions.shown_name(form.cleaned_data["file"].name) if form.cleaned_data.get("file") else ""}
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
    context = {"form": forms.UploadForm(), "limit": settings.MAX_UPLOAD_BYTES, "problem": {"message": f"{what} is larger than {limit / 1024**2:,.0f} MiB, the most that is taken at once.", "remedy": "Upload it in parts, or compress it with gzip."}}
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
    response = render(request, "datasets/_partials/mapping.html", _mapping_page(request, found, form, problem), status=422 if problem else 200)
    response["HX-Trigger-After-Settle"] = "mapping-changed"
    return response


def _mapping_page(request: TeamRequest, found: Upload, form: Any = None, problem: Exception | None = None) -> dict[str, Any]:
    findings = found.findings
    accepted = (findings.get("options") or {}).get("accepted", [])
    by_column = [c["name"] for c in findings["columns"]]
    sample = [{"line": r["line"], "cells": [r["values"].get(name) for name in by_column]} for r in findings["sample"][:8]]
    groups = {severity: [p | {"ticked": p["code"] in accepted} for p in findings["problems"] if p["severity"] == severity] for severity in ("refuse", "choose", "confirm", "note")}
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
        return {"title": found.dataset.title, "licence": found.dataset.licence, "attribution": found.dataset.attribution}
    return {"title": _title(found)}


def _title(found: Upload) -> str:
    return found.dataset.title if found.dataset else Path(found.filename.removesuffix(".gz")).stem[:200] or "Dataset"


@require_GET
def upload_tokens(request: TeamRequest, upload_id: UUID) -> HttpResponse:
    found = _get_upload(request, upload_id)
    rows, wanted = found.findings["rows"], max(1, _int(request.GET.get("row"), 1))
    return _tokens(request, rows[wanted - 1 : wanted], wanted, len(rows), reverse("datasets:upload_tokens", args=[found.pk]), reverse("datasets:confirm", args=[found.pk]))


@require_GET
def tokens(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    found = _version(request, dataset_id, number)
    wanted = max(1, _int(request.GET.get("row"), 1))
    try:
        page = queries.rows_page(found, (wanted - 1) // queries.PAGE + 1)
    except DistillError as e:
        return render(request, "datasets/_partials/problem.html", {"message": e.message, "hint": e.hint}, status=422)
    place = (wanted - 1) % queries.PAGE
    return _tokens(request, page["rows"][place : place + 1], wanted, page["total"], reverse("datasets:tokens", args=[dataset_id, number]), reverse("datasets:version", args=[dataset_id, number]))


def _tokens(request: TeamRequest, rows: list[dict[str, Any]], at: int, last: int, here: str, back: str) -> HttpResponse:
    """One row (number `at` of `last`, from 1) as one or two models read it."""
    everything, shown = queries.chosen_models(request.team, request.GET.get("teacher", ""), request.GET.get("student", ""))
    context: dict[str, Any] = {"row": rows[0] if rows else None, "at": at, "last": last, "models": everything, "shown": [m.key for m in shown], "here": here, "back": back}
    try:
        context["readings"] = queries.tokens(rows, shown) if rows and shown else []
    except DistillError as e:
        context |= {"readings": [], "problem": e}
    return render(request, "datasets/_partials/tokens.html" if request.htmx else "datasets/tokens.html", context)


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
    return render(request, "datasets/_partials/progress.html" if request.htmx else "datasets/importing.html", {"upload": found, "run": run})


@require_POST
@needs(Role.MEMBER)
def discard(request: TeamRequest, upload_id: UUID) -> HttpResponse:
    actions.discard(_get_upload(request, upload_id))
    messages.success(request, "The upload was discarded.")
    return redirect("datasets:list")


@require_GET
def detail(request: TeamRequest, dataset_id: UUID) -> HttpResponse:
    return _page(request, _dataset(request, dataset_id))


@require_GET
def version(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    return _page(request, _dataset(request, dataset_id), number)


def _page(request: TeamRequest, found: Dataset, number: int | None = None, form: Any = None, status: int = 200) -> HttpResponse:
    shown = queries.version(found, number)
    if shown is None and number:
        raise Http404
    context: dict[str, Any] = {"dataset": found, "version": shown, "own": found.team_id == request.team.pk and _may_write(request), "about": form or forms.AboutForm(initial={"title": found.title, "licence": found.licence, "attribution": found.attribution})}
    if shown:
        profile = shown.profile or {}
        context |= {
            "versions": found.versions.defer("facts", "profile"), "counts": shown.counts, "mapping": shown.mapping, "profile": profile, "measuring": None if shown.profile else queries.profile_run(shown),
            "labels": charts.labels(profile.get("labels", []), shown.counts.get("labelled", 0)), "lengths": charts.lengths(profile), "refused": queries.refused(shown, 50),
            "runs": queries.runs_with(shown, request.team)[:10], "splits": _splits(shown), "warnings": _warnings(shown),
        }  # fmt: skip
    if request.htmx and request.GET.get("part") == "profile":
        return render(request, "datasets/_partials/profile.html", context)
    return render(request, "datasets/detail.html", context, status=status)


def _splits(shown: DatasetVersion) -> dict[str, Any]:
    """Training and held-out rows: of the file's own column, else by hash at the usual share."""
    facts = DatasetVersion.objects.filter(pk=shown.pk).values_list("facts__train", "facts__heldout").first() or (None, None)
    own = bool(shown.counts.get("heldout"))
    if not own and facts[0] is None:
        return {"own": False, "train": None, "heldout": None}  # known once the rows are measured
    return {"own": own, "train": facts[0] if facts[0] is not None else shown.counts.get("train"), "heldout": facts[1] if facts[1] is not None else shown.counts.get("heldout")}


def _warnings(shown: DatasetVersion) -> list[dict[str, Any]]:
    report = (shown.created_by_run.report or {}) if shown.created_by_run else {}
    return [w for w in report.get("warnings", []) if w.get("severity") != "note"]


@require_GET
def rows(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    """A page of rows; filters stand in the address."""
    found = _version(request, dataset_id, number)
    filters = {"query": request.GET.get("q", "")[:200], "label": request.GET.get("label") or None, "split": request.GET.get("split", "")[:10], "unlabelled": request.GET.get("unlabelled") == "1"}
    context: dict[str, Any] = {"dataset": found.dataset, "version": found, "filters": filters, "here": reverse("datasets:rows", args=[dataset_id, number])}
    try:
        context |= queries.rows_page(found, _int(request.GET.get("page"), 1), **filters)
    except DistillError as e:
        context["problem"] = e
    kept = request.GET.copy()
    kept.pop("page", None)
    context["query"] = kept.urlencode() + "&" if kept else ""
    return render(request, "datasets/_partials/rows.html" if request.htmx else "datasets/rows.html", context)


@require_GET
def export(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponseBase:
    """All rows as CSV; cells that a spreadsheet would run are escaped."""
    found = _version(request, dataset_id, number)
    chunks = children.export(children.local_copy(found.rows_blob_id))
    return attachment(chunks, f"{_plain_name(found)}.csv", "text/csv; charset=utf-8")


@require_GET
def refused(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    """Refused rows as CSV: line, column, reason, remedy."""
    found = _version(request, dataset_id, number)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["line", "column", "reason", "remedy"])
    for row in queries.refused(found, None):
        cells = [row["column"], row["reason"], row["remedy"]]
        writer.writerow([row["line"], *("'" + c if c.startswith((*FORMULA, "'")) else c for c in cells)])
    return text_attachment(out.getvalue(), f"{_plain_name(found)}-refused.csv", "text/csv; charset=utf-8")


@require_POST
@needs(Role.MEMBER)
def describe(request: TeamRequest, dataset_id: UUID) -> HttpResponse:
    found = _own(request, dataset_id)
    form = forms.AboutForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form=form, status=422)
    actions.describe(found, form.cleaned_data["title"], form.cleaned_data["licence"], form.cleaned_data["attribution"])
    messages.success(request, "Saved.")
    return redirect("datasets:detail", found.pk)


@require_POST
@needs(Role.MEMBER)
def delete(request: TeamRequest, dataset_id: UUID) -> HttpResponse:
    found = _own(request, dataset_id)
    try:
        actions.delete(found)
    except DistillError as e:
        messages.error(request, f"{e.message} {e.hint or ''}")
        return redirect("datasets:detail", found.pk)
    messages.success(request, f"“{found.title}” was deleted.")
    return redirect("datasets:list")


def _dataset(request: TeamRequest, dataset_id: UUID) -> Dataset:
    try:
        return queries.dataset(request.team, dataset_id)
    except Dataset.DoesNotExist:
        raise Http404 from None


def _own(request: TeamRequest, dataset_id: UUID) -> Dataset:
    """A dataset of the team itself: shared samples are not to be changed."""
    found = _dataset(request, dataset_id)
    if found.team_id != request.team.pk:
        raise Http404
    return found


def _version(request: TeamRequest, dataset_id: UUID, number: int) -> DatasetVersion:
    found = queries.version(_dataset(request, dataset_id), number)
    if found is None:
        raise Http404
    return found


def _get_upload(request: TeamRequest, upload_id: UUID) -> Upload:
    try:
        return queries.upload(request.team, upload_id)
    except Upload.DoesNotExist:
        raise Http404 from None


def _may_write(request: TeamRequest) -> bool:
    return allows(request.role, Role.MEMBER)


def _plain_name(found: DatasetVersion) -> str:
    """A name every system can store: the key is a slug."""
    return f"{found.dataset.key.replace('/', '-')}-v{found.number}"


def _int(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else default


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
