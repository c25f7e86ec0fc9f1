"""The studio: one board, one form. Every change posts the whole form and gets the summary back."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from jobs.distill.catalog import options_schema
from jobs.distill.errors import DistillError, RecipeInvalid
from jobs.distill.plan.result import Problem
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import actions, editing, forms, nodes, paths, queries, reading, recipe_text
from .board import board
from .models import Draft

# What an address may fill in beforehand: /studio/?teacher=...&student=...&dataset=...&method=...
PRESETS = {"teacher": "teacher.model", "student": "student.model", "dataset": "data.dataset", "method": "method"}
# Choices that change which methods, options or layers there are; other fields change only numbers.
SHAPING = ("teacher.model", "student.model", "data.dataset", "data.version", "method")


@require_GET
@needs(Role.MEMBER)
def new(request: TeamRequest) -> HttpResponse:
    preset = {
        path: text for name, path in PRESETS.items() if (text := forms.plain_text(request.GET.get(name, ""))[:400])
    }
    return redirect("studio:draft", actions.open_draft(request.team, request.user, preset).id)


@require_GET
def draft(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    return _page(request, _draft(request, draft_id))


@require_POST
@needs(Role.MEMBER)
def save(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """Saves, and answers with the parts that depend on the change (or the page, without JavaScript)."""
    draft = _draft(request, draft_id)
    before = dict(draft.fields)
    draft = _save(request, draft)
    if not request.htmx:
        return redirect(reverse("studio:draft", args=[draft.id]) + "#summary")
    shaping = any(paths.get(before, p) != paths.get(draft.fields, p) for p in SHAPING)
    context = board(draft, request.user) | {
        "oob": True,
        "shaping": shaping,
        "reshaped": _shape(before) != _shape(draft.fields),
    }
    return render(request, "studio/_partials/changed.html", context)


@require_POST
@needs(Role.MEMBER)
def fix(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """One click of a fix in the summary: the form is saved, then one field is set."""
    draft = _save(request, _draft(request, draft_id))
    try:
        wanted = json.loads(request.POST.get("fix", ""))
        path, value = str(wanted["field"])[:200], wanted["value"]
        queries.storable({path: value})
    except (ValueError, TypeError, KeyError):
        return redirect("studio:draft", draft.id)
    actions.save_draft(draft, actions.apply_fix(draft.fields, path, value))
    return redirect(reverse("studio:draft", args=[draft.id]) + f"#card-{forms.card_of(path)}")


@require_POST
@needs(Role.MEMBER)
def edit(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """The form is saved, then its method is spelled out, or one list of the recipe gets longer, shorter or another order."""
    draft = _save(request, _draft(request, draft_id))
    what, at = request.POST.get("do", ""), "stages"
    try:
        fields, at = (
            (editing.spell_out(draft.fields), at) if what == "spell" else editing.edit(draft.fields, what, request.POST)
        )
        actions.save_draft(draft, fields)
    except RecipeInvalid as e:
        messages.error(request, f"The stages cannot be spelled out yet. {e.message}")
    return redirect(reverse("studio:draft", args=[draft.id]) + f"#{forms.anchor(at)}")


@require_POST
@needs(Role.MEMBER)
def start(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """Saves, checks again and starts. A second click comes to the same run."""
    draft = _save(request, _draft(request, draft_id))
    try:
        run = actions.submit_draft(draft, request.user)
    except DistillError as e:
        problems = getattr(e, "problems", None) or [Problem(code=e.code, field=e.field, message=e.message)]
        return _page(request, draft, status=422, refused=problems)
    return redirect("runs:detail", run.id)


@require_POST
@needs(Role.MEMBER)
def apply_recipe(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """The recipe as text: what it says becomes the draft; errors come back with their line."""
    draft = _draft(request, draft_id)
    text = request.POST.get("recipe", "")
    fields, problems = recipe_text.load(text)
    if problems:
        return _page(request, draft, status=422, recipe_text=text, recipe_problems=problems)
    fields.pop("version", None)
    actions.save_draft(draft, fields)
    messages.success(request, "The recipe was taken over.")
    return redirect("studio:draft", draft.id)


@require_GET
def recipe(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """The recipe as a file, for the command line."""
    draft = _draft(request, draft_id)
    response = HttpResponse(
        recipe_text.dump(queries.complete(draft.fields)), content_type="application/yaml; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="recipe.yaml"'
    return response


@require_POST
@needs(Role.MEMBER)
def discard(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    _draft(request, draft_id).delete()
    messages.success(request, "The draft was discarded.")
    return redirect("home:index")


def _draft(request: TeamRequest, draft_id: UUID) -> Draft:
    return get_object_or_404(queries.drafts(request.team).select_related("run"), pk=draft_id)


def _save(request: TeamRequest, draft: Draft) -> Draft:
    fields = draft.fields if isinstance(draft.fields, dict) else {}
    system = queries.system_of(fields)
    options = forms.option_inputs(options_schema(system), fields) if system else []
    out = reading.parse(request.POST, fields, options)
    if out.get("method") != queries.complete(fields).get("method"):
        # Another method: options of the old one mean nothing to it, and stages spelled out give way.
        out.pop("options", None)
        if out.get("method"):
            out.pop("stages", None)
    return actions.save_draft(draft, out)


def _shape(fields: dict[str, Any]) -> dict[str, frozenset[str]]:
    return {card: nodes.shape_of(found) for card, found in nodes.rest(fields).items()}


def _page(request: TeamRequest, draft: Draft, status: int = 200, **extra: Any) -> HttpResponse:
    context = board(draft, request.user) | {"can_write": allows(request.role, Role.MEMBER), **extra}
    return render(request, "studio/draft.html", context, status=status)
