"""Drafts as such: the list, copies, undo and redo, the history, and what differs from another recipe."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from jobs.distill.errors import DistillError
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import actions, differences, history, queries, reading, sides
from .conflicts import conflict_page
from .history import Conflict
from .models import Draft
from .views import _draft, _own, _save, _seen

PAGE = 100


@require_GET
def drafts(request: TeamRequest) -> HttpResponse:
    """Every draft of the team, one's own first."""
    found = list(queries.drafts(request.team).exclude(fields={}).select_related("created_by", "run")[:PAGE])
    mine = [d for d in found if d.created_by_id == request.user.pk]
    others = [d for d in found if d.created_by_id != request.user.pk]
    context = {"mine": mine, "others": others, "limit": PAGE, "can_write": allows(request.role, Role.MEMBER)}
    return render(request, "studio/drafts.html", context)


@require_POST
@needs(Role.MEMBER)
def copy(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """A draft of one's own. With the fields of a form, or with one of the draft's states."""
    draft, fields = _draft(request, draft_id), None
    if number := request.POST.get("state", ""):
        fields = get_object_or_404(draft.changes, number=int(number) if number.isdigit() else -1).fields
    elif "draft:seen" in request.POST:
        fields = reading.parse(request.POST, history.base_of(draft, _seen(request)))
    new = actions.copy_draft(draft, request.user, fields)
    messages.success(request, "This is a copy of your own; the other draft stays as it is.")
    return redirect("studio:draft", new.id)


@require_POST
@needs(Role.MEMBER)
def undo(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """What was typed since is saved first, so that it is what one step back takes away."""
    return _step(request, draft_id, history.undo, "Undone: {}", "There is nothing to undo.")


@require_POST
@needs(Role.MEMBER)
def redo(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    return _step(request, draft_id, history.redo, "Done again: {}", "There is nothing to do again.")


@require_POST
@needs(Role.MEMBER)
def goto(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """Any state of the history becomes the present one."""
    draft = _own(request, draft_id)
    number = request.POST.get("state", "")
    if not number.isdigit() or history.goto(draft, int(number[:9])) is None:
        raise Http404("There is no such state.")
    messages.success(request, f"The draft is as it was at state {number}.")
    return redirect("studio:draft", draft.id)


def _step(request: TeamRequest, draft_id: UUID, step: Any, said: str, nothing: str) -> HttpResponse:
    draft = _own(request, draft_id)
    try:
        if "draft:seen" in request.POST:
            _save(request, draft)
    except Conflict as e:
        return conflict_page(request, e)
    state = step(draft)
    messages.success(request, said.format(state.words) if state else nothing)
    name = "studio:form" if request.POST.get("draft:page") == "form" else "studio:draft"
    return redirect(reverse(name, args=[draft.id]))


@require_GET
def states(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """The history: every state with what was changed, by whom and when; those left behind too."""
    draft = _draft(request, draft_id)
    there = {c.number for c in history.trail(draft)}
    found = [(c, c.number in there) for c in draft.changes.select_related("by").defer("fields", "comments")]
    writes = allows(request.role, Role.MEMBER)
    context = {
        "draft": draft,
        "states": found,
        "mine": writes and actions.may_change(draft, request.user),
        "can_copy": writes,
    }
    return render(request, "studio/history.html", context)


@require_http_methods(["GET", "POST"])
def compare(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """What differs from another draft, a state of this one, a run, or a recipe that is pasted or sent as a file."""
    draft = _draft(request, draft_id)
    context: dict[str, Any] = {
        "draft": draft,
        "drafts": queries.drafts(request.team).exclude(pk=draft.pk).exclude(fields={})[:PAGE],
        "runs": sides.runs(request.team)[:PAGE],
        "chosen": request.GET.get("with", "")[:60],
    }
    try:
        if request.method == "POST":
            other = sides.of_text(sides.posted_text(request))
        elif context["chosen"]:
            other = sides.named(request.team, context["chosen"], draft)
        else:
            return render(request, "studio/compare.html", context)
    except DistillError as e:
        return render(request, "studio/compare.html", context | {"error": e}, status=422)
    found, note = differences.compare(other.fields, draft.fields if isinstance(draft.fields, dict) else {})
    return render(request, "studio/compare.html", context | {"other": other, "found": found, "note": note})


__all__ = ["Draft", "compare", "copy", "drafts", "goto", "redo", "states", "undo"]
