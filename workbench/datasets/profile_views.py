"""The page of a version's profile: what is in the rows, what a cut costs, other versions, evaluation sets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from jobs.distill.errors import DistillError
from workbench.studio.actions import open_draft, save_draft
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import comparing, cuts, profiles, profiling, queries, transforms
from .models import DatasetVersion
from .views import dataset_or_404, number_or


@require_GET
def profile(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    found = _version(request, dataset_id, number)
    shown = profiles.shown_profile(found, request.team)
    run = profiles.measuring(found)
    checks = profiles.checks(found, request.team)
    context: dict[str, Any] = {
        "dataset": found.dataset,
        "version": found,
        "counts": found.counts,
        "profile": shown,
        "closely": shown.get("closely"),
        "lengths": cuts.charts_with_cuts(shown, request.GET),
        "titles": {sha: m["title"] for sha, m in shown["tokens"].items()},
        "measuring": run if run and not run.is_ended else None,
        "failed": run if run and run.is_ended and run.state != "succeeded" else None,
        "checks": checks,
        "live": any(c["live"] for c in checks) or bool(run and not run.is_ended),
        "sets": profiles.evaluation_sets(found, request.team),
        "others": found.dataset.versions.exclude(pk=found.pk).defer("facts", "profile"),
        "can_write": allows(request.role, Role.MEMBER),
        "most_sets": profiling.MOST_SETS,
    }
    return render(request, "datasets/_partials/findings.html" if request.htmx else "datasets/profile.html", context)


@require_GET
def cut(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    """What one cut costs: the sentence alone for htmx, the page of the profile without it."""
    found = _version(request, dataset_id, number)
    if not request.htmx:
        return redirect(reverse("datasets:profile", args=[dataset_id, number]) + f"?{request.GET.urlencode()}#lengths")
    shown = profiles.shown_profile(found, request.team)
    chart = next(
        (c for c in cuts.charts_with_cuts(shown, request.GET) if c.get("key") == request.GET.get("tokenizer")), None
    )
    if chart is None or "cut" not in chart:
        raise Http404
    context = {"l": chart, "dataset": found.dataset, "version": found, "can_write": allows(request.role, Role.MEMBER)}
    return render(request, "datasets/_partials/cut.html", context)


@require_POST
@needs(Role.MEMBER)
def use_cut(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    """The cut as a draft's longest row (do: drop, truncate), or as a step of a new version (filter_step, truncate_step)."""
    found = _version(request, dataset_id, number)
    wanted, do = number_or(request.POST.get("cut"), 0), request.POST.get("do", "")
    if not cuts.LEAST <= wanted <= cuts.MOST:
        messages.error(request, f"The longest row is to be {cuts.LEAST:,} to {cuts.MOST:,} tokens; {wanted:,} came.")
        return redirect("datasets:profile", dataset_id, number)
    if do.endswith("_step"):
        return _as_step(request, found, wanted, do)
    draft = open_draft(request.team, request.user, {"data.dataset": found.dataset.key})
    too_long = "truncate" if do == "truncate" else "drop"
    fields = {**draft.fields, "data": {**(draft.fields.get("data") or {}), "max_length": wanted, "too_long": too_long}}
    return redirect("studio:draft", save_draft(draft, fields).id)


def _as_step(request: TeamRequest, found: DatasetVersion, wanted: int, do: str) -> HttpResponse:
    """One more step for the person's next version of these rows: they see it before anything is made."""
    model = profiles.model_with(request.team, request.POST.get("tokenizer", ""))
    if model is None:
        messages.error(request, "No model of the library has this tokenizer any more. Add one under Models.")
        return redirect("datasets:profile", found.dataset_id, found.number)
    if do == "truncate_step":
        step = {"kind": "truncate", "where": "question", "at_most": wanted, "unit": "tokens", "tokenizer": model.key, "keep": "end"}  # fmt: skip
    else:
        step = {"kind": "filter", "action": "keep", "max_tokens": wanted, "tokenizer": model.key}
    draft = transforms.draft(found, request.user)
    transforms.keep(draft, [*draft.steps, step])
    here = reverse("datasets:change", args=[found.dataset_id, found.number])
    return redirect(f"{here}#step-{len(draft.steps) + 1}")


@require_POST
@needs(Role.MEMBER)
def measure(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    found = _version(request, dataset_id, number)
    profiling.measure(found, request.team, request.user)
    messages.success(request, "The rows are being measured. This page fills in by itself.")
    return redirect("datasets:profile", dataset_id, number)


@require_POST
@needs(Role.MEMBER)
def check(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    """Holds the rows against the chosen evaluation sets, in the background."""
    found = _version(request, dataset_id, number)
    part = request.POST.get("part", "all")
    try:
        others = [(UUID(text), part) for text in request.POST.getlist("against")[:20]]
        profiling.check_against(found, request.team, request.user, others)
    except DistillError as e:
        messages.error(request, f"{e.message} {e.hint or ''}".strip())
    except ValueError:
        raise Http404 from None
    return redirect(reverse("datasets:profile", args=[dataset_id, number]) + "#contamination")


@require_GET
def compare(request: TeamRequest, dataset_id: UUID, number: int) -> HttpResponse:
    """This version against another one of the same or of another dataset (?with=its id; the one before where not said)."""
    found = _version(request, dataset_id, number)
    choices = profiles.evaluation_sets(found, request.team)
    asked = request.GET.get("with", "")
    before = _by_number(found) if not asked else next((v for v in choices if str(v.pk) == asked), None)
    if asked and before is None:
        raise Http404
    context: dict[str, Any] = {"dataset": found.dataset, "version": found, "choices": choices, "before": before}
    if before is not None:
        sides = [
            {"counts": v.counts, "profile": profiles.shown_profile(v, request.team) if v.profile else None}
            for v in (before, found)
        ]
        context |= {
            "sections": comparing.compare(*sides),
            "unmeasured": [v for v, s in zip((before, found), sides, strict=True) if not s["profile"]],
            "sampled": comparing.sampled_differently(*sides),
        }
    return render(request, "datasets/compare.html", context)


def _by_number(found: DatasetVersion) -> DatasetVersion | None:
    """The version before this one."""
    return found.dataset.versions.filter(number__lt=found.number).select_related("dataset").first()


def _version(request: TeamRequest, dataset_id: UUID, number: int) -> DatasetVersion:
    found = queries.version(dataset_or_404(request, dataset_id), number)
    if found is None:
        raise Http404
    return found
