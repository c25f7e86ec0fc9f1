"""Datasets: bring rows, say which column is what, look, import, browse."""

from __future__ import annotations

from itertools import islice
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from jobs.distill.data.listing import Which, as_csv
from jobs.distill.errors import DistillError
from workbench.adapters.zipped import attachment
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import actions, charts, children, cuts, forms, parts, profiles, queries, reading, sources, transforms
from .models import Dataset, DatasetVersion

CHOSEN_BY = (
    "kind",
    "value",
    "check",
    "tokenizer",
    "over",
    "alone",
)  # what names the rows behind a number, in an address


@require_GET
def list_(request: TeamRequest) -> HttpResponse:
    found = list(queries.datasets(request.team))
    pending = list(queries.open_uploads(request.team)[:10])
    context = {"datasets": found, "pending": pending, "can_write": _may_write(request)}
    context |= {"fetches": sources.fetches(request.team)[:10], "partial": parts.unfinished(request.team, request.user)}
    return render(request, "datasets/list.html", context)


@require_GET
def tokens(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    found = _version(request, dataset_id, number)
    wanted = max(1, number_or(request.GET.get("row"), 1))
    try:
        page = queries.rows_page(found, (wanted - 1) // queries.PAGE + 1)
    except DistillError as e:
        return render(request, "datasets/_partials/problem.html", {"message": e.message, "hint": e.hint}, status=422)
    place = (wanted - 1) % queries.PAGE
    return token_page(
        request,
        page["rows"][place : place + 1],
        wanted,
        page["total"],
        reverse("datasets:tokens", args=[dataset_id, number]),
        reverse("datasets:version", args=[dataset_id, number]),
    )


def token_page(
    request: TeamRequest, rows: list[dict[str, Any]], at: int, last: int, here: str, back: str
) -> HttpResponse:
    """One row (number `at` of `last`, from 1) as one or two models read it."""
    everything, shown = queries.chosen_models(
        request.team, request.GET.get("teacher", ""), request.GET.get("student", "")
    )
    cut, too_long = number_or(request.GET.get("cut"), 0), "truncate" if request.GET.get("too_long") == "truncate" else "drop"  # fmt: skip
    context: dict[str, Any] = {
        "row": rows[0] if rows else None,
        "at": at,
        "last": last,
        "models": everything,
        "shown": [m.key for m in shown],
        "here": here,
        "back": back,
        "cut": cut or None,
        "too_long": too_long,
    }
    try:
        found = queries.readings(rows, shown, cut or None, too_long) if rows and shown else {"models": []}
        context |= {"readings": reading.laid_out(found["models"]), "aligned": reading.aligned(found), "same_text": reading.same_text(found)}  # fmt: skip
    except DistillError as e:
        context |= {"readings": [], "problem": e}
    return render(request, "datasets/_partials/tokens.html" if request.htmx else "datasets/tokens.html", context)


@require_GET
def detail(request: TeamRequest, dataset_id: UUID) -> HttpResponse:
    return _page(request, dataset_or_404(request, dataset_id))


@require_GET
def version(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    return _page(request, dataset_or_404(request, dataset_id), number)


def _page(
    request: TeamRequest, found: Dataset, number: int | None = None, form: Any = None, status: int = 200
) -> HttpResponse:
    shown = queries.version(found, number)
    if shown is None and number:
        raise Http404
    context: dict[str, Any] = {
        "dataset": found,
        "version": shown,
        "own": found.team_id == request.team.pk and _may_write(request),
        "about": form
        or forms.AboutForm(initial={"title": found.title, "licence": found.licence, "attribution": found.attribution}),
    }
    if shown:
        profile = profiles.shown_profile(shown, request.team)
        context |= {
            "lineage": transforms.lineage(found, request.team), "can_change": _may_write(request), "counts": shown.counts, "mapping": shown.mapping, "profile": profile, "measuring": None if shown.profile else profiles.measuring(shown),
            "labels": charts.labels(profile.get("labels", []), shown.counts.get("labelled", 0)), "lengths": cuts.charts_with_cuts(profile, request.GET), "refused": queries.refused(shown, 50), "changed": list(islice(queries.listed(shown, "changed"), 20)),
            "runs": queries.runs_with(shown, request.team)[:10], "splits": _splits(shown), "warnings": _warnings(shown), "came_from": sources.words(shown.origin),
        }  # fmt: skip
    if request.htmx and request.GET.get("part") == "profile":
        return render(request, "datasets/_partials/profile.html", context)
    return render(request, "datasets/detail.html", context, status=status)


def _splits(shown: DatasetVersion) -> dict[str, Any]:
    """Training and held-out rows: of the file's own column, else by hash at the usual share."""
    facts = DatasetVersion.objects.filter(pk=shown.pk).values_list("facts__train", "facts__heldout").first() or (
        None,
        None,
    )
    own = bool(shown.counts.get("heldout"))
    if not own and facts[0] is None:
        return {"own": False, "train": None, "heldout": None}  # known once the rows are measured
    return {
        "own": own,
        "train": facts[0] if facts[0] is not None else shown.counts.get("train"),
        "heldout": facts[1] if facts[1] is not None else shown.counts.get("heldout"),
    }


def _warnings(shown: DatasetVersion) -> list[dict[str, Any]]:
    report = (shown.created_by_run.report or {}) if shown.created_by_run else {}
    return [w for w in report.get("warnings", []) if w.get("severity") != "note"]


@require_GET
def rows(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    """A page of rows; filters stand in the address."""
    found = _version(request, dataset_id, number)
    filters = {
        "query": request.GET.get("q", "")[:200],
        "label": request.GET.get("label") or None,
        "split": request.GET.get("split", "")[:10],
        "unlabelled": request.GET.get("unlabelled") == "1",
    }
    context: dict[str, Any] = {
        "dataset": found.dataset,
        "version": found,
        "filters": filters,
        "here": reverse("datasets:rows", args=[dataset_id, number]),
        "kept": {n: request.GET[n] for n in CHOSEN_BY if request.GET.get(n)},
        "can_change": _may_write(request),
    }
    try:
        chosen, context["chosen"] = profiles.chosen_rows(found, request.team, request.GET)
        context |= queries.rows_page(found, number_or(request.GET.get("page"), 1), **filters, **chosen)
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
def refused(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponseBase:
    """Refused rows as CSV: place, column, reason, remedy."""
    return _listing(_version(request, dataset_id, number), "refused")


@require_GET
def changed(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponseBase:
    """Texts that the import changed as CSV: place, column, what was done, before and after."""
    return _listing(_version(request, dataset_id, number), "changed")


def _listing(found: DatasetVersion, which: Which) -> HttpResponseBase:
    lines = (line.encode() for line in as_csv(which, queries.listed(found, which)))
    return attachment(lines, f"{_plain_name(found)}-{which}.csv", "text/csv; charset=utf-8")


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


def dataset_or_404(request: TeamRequest, dataset_id: UUID) -> Dataset:
    try:
        return queries.dataset(request.team, dataset_id)
    except Dataset.DoesNotExist:
        raise Http404 from None


def _own(request: TeamRequest, dataset_id: UUID) -> Dataset:
    """A dataset of the team itself: shared samples are not to be changed."""
    found = dataset_or_404(request, dataset_id)
    if found.team_id != request.team.pk:
        raise Http404
    return found


def _version(request: TeamRequest, dataset_id: UUID, number: int) -> DatasetVersion:
    found = queries.version(dataset_or_404(request, dataset_id), number)
    if found is None:
        raise Http404
    return found


def _may_write(request: TeamRequest) -> bool:
    return allows(request.role, Role.MEMBER)


def _plain_name(found: DatasetVersion) -> str:
    """A name every system can store: the key is a slug."""
    return f"{found.dataset.key.replace('/', '-')}-v{found.number}"


def number_or(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else default
