"""Change these rows: steps put together, looked at before anything is spent, made; what changed, and what it came from."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from jobs.distill.data.transforms import KINDS
from jobs.distill.errors import DistillError
from workbench.adapters.zipped import attachment
from workbench.runs.models import Run, State
from workbench.team.models import Role
from workbench.team.permissions import needs
from workbench.team.request import TeamRequest

from . import change_list, queries, step_forms, transforms
from .models import DatasetVersion
from .views import _plain_name, _version, number_or

WHAT = ("dropped", "changed", "added")


@require_http_methods(["GET", "POST"])
@needs(Role.MEMBER)
def change(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    """GET: the steps so far. POST: keeps them, then does what the pressed button says."""
    found = _version(request, dataset_id, number)
    draft = transforms.draft(found, request.user)
    if request.method == "GET":
        return _page(request, found, draft.steps)
    steps = _pressed(request, step_forms.read(request.POST) if "steps" in request.POST else list(draft.steps))
    transforms.keep(draft, steps)
    if request.POST.get("do") == "make":
        return _make(request, found, steps)
    if request.htmx:
        return _preview(request, found, steps)
    here = reverse("datasets:change", args=[dataset_id, number])
    return redirect(
        f"{here}?preview=1#preview" if request.POST.get("do") == "preview" else here + _anchor(request, steps)
    )


def _pressed(request: TeamRequest, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps after the button: add:kind, remove:n, up:n, down:n (n from 0)."""
    verb, _, what = request.POST.get("do", "").partition(":")
    if verb == "add" and what in KINDS and len(steps) < 100:
        return step_forms.with_new(steps, what, request.POST.get("row_id", "")[:60])
    at = number_or(what, -1)
    if verb in ("remove", "up", "down") and 0 <= at < len(steps):
        one = steps.pop(at)
        if verb != "remove":
            steps.insert(max(0, at - 1) if verb == "up" else at + 1, one)
    return steps


def _anchor(request: TeamRequest, steps: list[dict[str, Any]]) -> str:
    return f"#step-{len(steps)}" if request.POST.get("do", "").startswith("add:") and steps else ""


def _make(request: TeamRequest, found: DatasetVersion, steps: list[dict[str, Any]]) -> HttpResponse:
    title = request.POST.get("title", "").strip()[:200]
    try:
        run = transforms.start(request.team, request.user, found, steps, title, steps)
    except DistillError as e:
        return _page(request, found, steps, e)
    return redirect("datasets:changing", found.dataset_id, found.number, run.pk)


def _page(
    request: TeamRequest, found: DatasetVersion, steps: list[dict[str, Any]], problem: DistillError | None = None
) -> HttpResponse:
    lists = {
        "tokenizer": [("", "None"), *((m.key, m.title) for m in queries.models(request.team))],
        "dataset": [
            ("", "Choose a dataset"),
            *((d.key, f"{d.title} ({d.key})") for d in queries.datasets(request.team)),
        ],
    }
    context: dict[str, Any] = {
        "dataset": found.dataset,
        "version": found,
        "cards": step_forms.cards(steps, lists),
        "groups": step_forms.groups(),
        "own": found.dataset.team_id == request.team.pk,
        "next": (found.dataset.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1,
        "problem": problem,
        "others": _replayable(request, found),
    }
    if request.GET.get("preview") and steps and not problem:
        context |= _looked(request, found, steps)
    return render(request, "datasets/change.html", context, status=422 if problem else 200)


def _replayable(request: TeamRequest, found: DatasetVersion) -> list[DatasetVersion]:
    """Versions whose steps can be done again here."""
    seen = queries.datasets(request.team).values("pk")
    made = DatasetVersion.objects.filter(dataset__in=seen, parent__isnull=False).exclude(pk=found.pk)
    return list(made.select_related("dataset").defer("facts", "profile").order_by("-created_at")[:50])


def _preview(request: TeamRequest, found: DatasetVersion, steps: list[dict[str, Any]]) -> HttpResponse:
    context = {"dataset": found.dataset, "version": found} | (_looked(request, found, steps) if steps else {})
    if request.method == "POST":  # what is wrong at the fields, put into the cards that stand there
        context["checked"] = step_forms.cards(steps, {"tokenizer": [], "dataset": []})
    return render(request, "datasets/_partials/step_preview.html", context)


def _looked(request: TeamRequest, found: DatasetVersion, steps: list[dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"seen": transforms.preview(request.team, found, steps)}
    except DistillError as e:
        return {"wrong": e}


@require_GET
@needs(Role.MEMBER)
def preview(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    found = _version(request, dataset_id, number)
    steps = transforms.draft(found, request.user).steps
    if not request.htmx:
        return redirect(reverse("datasets:change", args=[dataset_id, number]) + "?preview=1#preview")
    return _preview(request, found, steps)


@require_POST
@needs(Role.MEMBER)
def replay(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    """The steps that made another version, as the draft for this one."""
    found = _version(request, dataset_id, number)
    chosen = request.POST.get("of", "")
    source = next((v for v in _replayable(request, found) if str(v.pk) == chosen), None)
    if source is None:
        raise Http404
    transforms.keep(transforms.draft(found, request.user), source.steps)
    messages.success(
        request, f"The steps of {source.dataset.title}, version {source.number}, stand below. Nothing is made yet."
    )
    return redirect(reverse("datasets:change", args=[dataset_id, number]) + "?preview=1")


@require_GET
def changing(request: TeamRequest, dataset_id: UUID, number: int, run_id: UUID) -> HttpResponse:
    """Progress of the run; leads to the new version once it is there."""
    found = _version(request, dataset_id, number)
    run = Run.objects.filter(pk=run_id, team=request.team, dataset_version=found).first()
    if run is None:
        raise Http404
    if run.state == State.SUCCEEDED and (made := transforms.made_by(run)):
        target = reverse("datasets:version", args=[made.dataset_id, made.number])
        return HttpResponse(status=204, headers={"HX-Redirect": target}) if request.htmx else redirect(target)
    name = "datasets/_partials/changing.html" if request.htmx else "datasets/changing.html"
    return render(request, name, {"dataset": found.dataset, "version": found, "run": run})


@require_GET
def changes(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    """Every row that the steps touched, by step and kind."""
    found = _version(request, dataset_id, number)
    step, what = number_or(request.GET.get("step"), 0), request.GET.get("what", "")
    what = what if what in WHAT else ""
    context = change_list.page(found, number_or(request.GET.get("page"), 1), step, what)
    counts = [c | {"words": w} for c, w in zip(found.changes, transforms.words(found.steps), strict=True)]
    context |= {
        "dataset": found.dataset, "version": found, "step": step, "what": what, "counts": counts, "kinds": WHAT,
        "query": f"step={step}&what={what}&",
    }  # fmt: skip
    return render(request, "datasets/changes.html", context)


@require_GET
def changes_csv(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponseBase:
    found = _version(request, dataset_id, number)
    what = request.GET.get("what", "")
    chunks = change_list.as_csv(found, number_or(request.GET.get("step"), 0), what if what in WHAT else "")
    return attachment(chunks, f"{_plain_name(found)}-changes.csv", "text/csv; charset=utf-8")


@require_GET
def diff(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    """Rows that differ from an older version: of this dataset, or of another one that was an ancestor."""
    new = _version(request, dataset_id, number)
    old = _older(request, new)
    kind, query = request.GET.get("kind", ""), request.GET.get("q", "")[:200]
    context: dict[str, Any] = {
        "dataset": new.dataset, "version": new, "old": old, "kind": kind, "q": query,
        "others": [v for v in new.dataset.versions.defer("facts", "profile") if v.pk != new.pk],
    }  # fmt: skip
    if old is not None:
        try:
            context |= transforms.diff(old, new, number_or(request.GET.get("page"), 1), kind, query)
        except DistillError as e:
            context["problem"] = e
        kept = request.GET.copy()
        kept.pop("page", None)
        context["query"] = kept.urlencode() + "&" if kept else ""
    return render(request, "datasets/diff.html", context)


def _older(request: TeamRequest, new: DatasetVersion) -> DatasetVersion | None:
    """The asked version by its number, else the parent, else the one before."""
    versions = new.dataset.versions.select_related("dataset", "parent")
    if wanted := number_or(request.GET.get("against"), 0):
        return versions.filter(number=wanted).first()
    if new.parent and new.parent.dataset.team_id in (None, request.team.pk):
        return new.parent
    return versions.filter(number__lt=new.number).first()
