"""Pages that help to decide: the advisor, templates, the tour; and what the summary's own buttons do: device, dry run."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import retarget

from jobs.distill.catalog import SYSTEMS
from jobs.samples.templates import TEMPLATES, Template
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import actions, advisor, dry_runs, judgement, queries, tour
from .actions import Refused
from .board import board
from .conflicts import conflict_page
from .history import Conflict, Seen
from .models import Draft
from .starting import start_from
from .views import _draft, _own, _save

ICONS = {
    "classify": "tags", "extract": "scan", "summarise": "align-left", "chat": "messages", "reason": "bulb", "code": "code",
    "on-policy": "repeat", "tokenizers": "language", "api-teacher": "cloud", "shrink": "arrows-minimize",
}  # fmt: skip


@require_GET
def advice(request: TeamRequest) -> HttpResponse:
    """Six questions as a form of the address, and the ranked methods under it."""
    draft = _asked_for(request)
    check = queries.check(request.team, draft.fields) if draft else None
    questions = advisor.asked(request.GET.dict(), advisor.known(check) if check else {})
    ranked = advisor.ranked(advisor.answers(questions), check)
    context = {
        "draft": draft,
        "questions": questions,
        "first": ranked[:3],
        "rest": ranked[3:],
        "answered": sum(bool(q.answer) for q in questions),
        "mine": draft is not None and actions.may_change(draft, request.user) and allows(request.role, Role.MEMBER),
        "can_write": allows(request.role, Role.MEMBER),
    }
    return render(request, "studio/advice.html", context)


@require_POST
@needs(Role.MEMBER)
def use_method(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """One click of the advice: the draft takes the method."""
    draft, method = _own(request, draft_id), request.POST.get("method", "")
    if method not in SYSTEMS:
        raise Http404
    fields = actions.apply_fix(draft.fields, "method", method)
    actions.save_draft(draft, fields, Seen(by=request.user), f"Method {SYSTEMS[method].title}, as advised.")
    return redirect(reverse("studio:draft", args=[draft.id]) + "#card-method")


@require_GET
def templates(request: TeamRequest) -> HttpResponse:
    shown = [(_shown(t), ICONS.get(t.id, "flask")) for t in TEMPLATES.values()]
    context = {"templates": shown, "can_write": allows(request.role, Role.MEMBER)}
    return render(request, "studio/templates.html", context)


@require_POST
@needs(Role.MEMBER)
def use_template(request: TeamRequest, template_id: str) -> HttpResponse:
    """A new draft that begins with the template's recipe."""
    if template_id not in TEMPLATES:
        raise Http404
    draft = start_from(request.team, request.user, template_id)
    messages.success(
        request, f"Started from the template {TEMPLATES[template_id].title}. Put your own models and rows in."
    )
    return redirect("studio:draft", draft.id)


def _shown(template: Template) -> dict[str, Any]:
    """A template with the title of its method."""
    return {**template.model_dump(), "method": SYSTEMS[str(template.recipe["method"])].title}


@require_POST
@needs(Role.MEMBER)
def device(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """What memory and time are shown against; the recipe stays as it is."""
    draft = _own(request, draft_id)
    judgement.choose_device(draft, request.POST.get("device", "")[:80])
    return _summary(request, draft) if request.htmx else _to_summary(draft)


@require_http_methods(["GET", "POST"])
@needs(Role.MEMBER)
def dry_run(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """POST saves the form and takes two real steps; GET is how far they are, and the whole summary once they are done."""
    if request.method == "GET":
        draft = _draft(request, draft_id)
        if request.htmx and draft.dry_run and not draft.dry_run.is_ended:
            check = queries.check(draft.team, draft.fields)
            context = {"draft": draft, "check": check, "measured": dry_runs.measured(draft, check), "can_write": True}
            return render(request, "studio/_partials/dry_run.html", context)
        return retarget(_summary(request, draft), "#summary") if request.htmx else _to_summary(draft)
    draft = _own(request, draft_id)
    try:
        _save(request, draft)
        dry_runs.start(draft, request.user)
    except Conflict as e:
        return conflict_page(request, e)
    except Refused as e:
        if not request.htmx:
            messages.error(request, f"No dry run yet. {e.message}")
    return _summary(request, draft) if request.htmx else _to_summary(draft)


@require_POST
def tour_step(request: TeamRequest) -> HttpResponse:
    """`do` is next, back, end or again; the strip comes back, or the page it stood on."""
    step = tour.go(request.user, request.POST.get("do", ""))
    if request.htmx:
        return render(request, "studio/_partials/tour.html", {"tour": step, "tour_steps": tour.STEPS, "focus": True})
    draft = request.POST.get("draft", "")
    found = queries.drafts(request.team).filter(pk=draft).first() if _is_uuid(draft) else None
    if found is None:
        return redirect("studio:new")
    return redirect(reverse("studio:draft", args=[found.id]) + (f"#{step.at}" if step else ""))


def _asked_for(request: TeamRequest) -> Draft | None:
    """The draft that the address names; 404 for one that the team does not have."""
    text = request.GET.get("draft", "")
    return _draft(request, UUID(text)) if _is_uuid(text) else None


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _summary(request: TeamRequest, draft: Draft) -> HttpResponse:
    context = board(draft, request.user) | {"can_write": True}
    return render(request, "studio/_partials/summary.html", context)


def _to_summary(draft: Draft) -> HttpResponse:
    return redirect(reverse("studio:draft", args=[draft.id]) + "#summary")
