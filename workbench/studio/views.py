"""The studio: one board, one form. Every change posts the whole form and gets the summary back."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from jobs.distill.catalog import options_schema
from jobs.distill.errors import DistillError, RecipeInvalid
from jobs.distill.plan.result import Problem
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import actions, comments, editing, forms, further, naming, nodes, paths, prompts, queries, reading, recipe_text
from .board import board, form_page
from .conflicts import conflict_page
from .history import Conflict, Seen, base_of
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


@require_GET
def plain_form(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """The same draft as one long form: every field under its heading, nothing folded, nothing drawn."""
    draft = _draft(request, draft_id)
    return _page(request, draft, template="studio/form.html", **form_page(draft))


@require_POST
@needs(Role.MEMBER)
def save(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """Saves, and answers with the parts that depend on the change (or the page, without JavaScript)."""
    draft = _own(request, draft_id)
    before = dict(draft.fields)
    try:
        _save(request, draft)
    except Conflict as e:
        return conflict_page(request, e)
    if not request.htmx:
        return _back(request, draft, "summary")
    return _changed(request, draft, before)


@require_POST
@needs(Role.MEMBER)
def fix(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """One click of a fix in the summary: the form is saved, then one field is set."""
    draft = _own(request, draft_id)
    try:
        _save(request, draft)
        wanted = json.loads(request.POST.get("fix", ""))
        path, value = str(wanted["field"])[:200], wanted["value"]
        queries.storable({path: value})
    except Conflict as e:
        return conflict_page(request, e)
    except (ValueError, TypeError, KeyError):
        return redirect("studio:draft", draft.id)
    actions.save_draft(draft, actions.apply_fix(draft.fields, path, value), Seen(by=request.user))
    return _back(request, draft, f"card-{forms.card_of(path)}")


@require_POST
@needs(Role.MEMBER)
def edit(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """The form is saved, then its method is spelled out, or one list of the recipe gets longer, shorter or another order."""
    draft = _own(request, draft_id)
    before, at, said = dict(draft.fields), "stages", ""
    try:
        _save(request, draft)
        done = editing.edit(draft.fields, request.POST.get("do", ""), request.POST)
        moved = comments.moved(draft.comments, done.where, done.order) if done.order else draft.comments
        actions.save_draft(draft, done.fields, Seen(by=request.user), done.words, moved)
        at, said = done.at or at, done.words
    except Conflict as e:
        return conflict_page(request, e)
    except RecipeInvalid as e:
        said = f"The stages cannot be spelled out yet. {e.message}"
        if not request.htmx:
            messages.error(request, said)
    if not request.htmx:
        return _back(request, draft, forms.anchor(at))
    response = _changed(request, draft, before, said=said)
    return trigger_client_event(
        response, "studio:focus", {"at": at, "do": request.POST.get("do", "")[:60]}, after="settle"
    )


@require_POST
@needs(Role.MEMBER)
def show_prompts(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """What the writer of one stage would ask about the first rows, as the form has it now; nothing is saved, nobody is asked."""
    draft = _draft(request, draft_id)
    context: dict[str, Any] = {"draft": draft}
    try:
        fields = reading.parse(request.POST, draft.fields)
        context["found"] = prompts.preview(request.team, fields, request.POST.get("stage", "")[:200])
    except DistillError as e:
        context["problem"] = e
    return render(request, "studio/_partials/prompts.html" if request.htmx else "studio/prompts.html", context)


@require_POST
@needs(Role.MEMBER)
def start(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """Saves, checks again and starts. A second click comes to the same run."""
    draft = _own(request, draft_id)
    try:
        _save(request, draft)
        run = actions.submit_draft(draft, request.user)
    except Conflict as e:
        return conflict_page(request, e)
    except DistillError as e:
        problems = getattr(e, "problems", None) or [Problem(code=e.code, field=e.field, message=e.message)]
        return _page(request, draft, status=422, refused=problems)
    return redirect("runs:detail", run.id)


@require_POST
@needs(Role.MEMBER)
def apply_recipe(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """The recipe as text: what it says becomes the draft; errors come back with their line and column."""
    draft = _own(request, draft_id)
    text = request.POST.get("recipe", "").replace("\r\n", "\n")
    fields, problems = recipe_text.load(text)
    if problems:
        return _page(request, draft, status=422, recipe_text=text, recipe_problems=problems)
    fields.pop("version", None)
    try:
        kept = comments.plain(comments.find(text))
        actions.save_draft(draft, fields, _seen(request), comments=kept)
    except Conflict as e:
        return conflict_page(request, e, text=text)
    messages.success(request, "The recipe was taken over.")
    return redirect("studio:draft", draft.id)


@require_POST
@needs(Role.MEMBER)
def check_recipe(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """What is wrong with the text while it is being written; nothing is stored."""
    draft = _draft(request, draft_id)
    _, problems = recipe_text.load(request.POST.get("recipe", ""))
    return render(
        request, "studio/_partials/recipe_problems.html", {"draft": draft, "recipe_problems": problems, "checked": True}
    )


@require_GET
def recipe(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    """The recipe as a file, for the command line."""
    draft = _draft(request, draft_id)
    response = HttpResponse(
        recipe_text.dump(queries.complete(draft.fields), draft.comments), content_type="application/yaml; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="recipe.yaml"'
    return response


@require_POST
@needs(Role.MEMBER)
def discard(request: TeamRequest, draft_id: UUID) -> HttpResponse:
    _own(request, draft_id).delete()
    messages.success(request, "The draft was discarded.")
    return redirect("home:index")


def _draft(request: TeamRequest, draft_id: UUID) -> Draft:
    return get_object_or_404(queries.drafts(request.team).select_related("run", "created_by"), pk=draft_id)


def _own(request: TeamRequest, draft_id: UUID) -> Draft:
    """The draft, for a change. PermissionDenied where it is somebody else's: one reads it and makes a copy."""
    draft = _draft(request, draft_id)
    if not actions.may_change(draft, request.user):
        raise PermissionDenied(
            f"This draft belongs to {draft.created_by}. Open it and make a copy of your own to change it."
        )
    return draft


def _seen(request: TeamRequest) -> Seen:
    """What the page had before it: the state's number and the page's own mark."""
    number, over = (
        int(text) if (text := request.POST.get(f"draft:{name}", "")).isdigit() and len(text) < 10 else None
        for name in ("seen", "over")
    )
    return Seen(number, forms.plain_text(request.POST.get("draft:tab", ""))[:40], over, request.user)


def _save(request: TeamRequest, draft: Draft) -> Draft:
    """The posted form as the draft's new state. Raises Conflict."""
    seen = _seen(request)
    fields = base_of(draft, seen)
    system = queries.system_of(fields)
    options = forms.option_inputs(options_schema(system), fields) if system else []
    out = reading.parse(request.POST, fields, options)
    if out.get("method") != queries.complete(fields).get("method"):
        # Another method: options of the old one mean nothing to it, and stages spelled out give way.
        out.pop("options", None)
        if out.get("method"):
            out.pop("stages", None)
    further.apply(request.POST, fields, out)
    naming.follow_names(fields, out)
    return actions.save_draft(draft, out, seen)


def _shape(fields: dict[str, Any]) -> dict[str, frozenset[str]]:
    return {card: nodes.shape_of(found) for card, found in nodes.rest(fields).items()}


def _changed(request: TeamRequest, draft: Draft, before: dict[str, Any], said: str = "") -> HttpResponse:
    """The parts of the page that depend on what was changed."""
    shaping = any(paths.get(before, p) != paths.get(draft.fields, p) for p in SHAPING)
    context = board(draft, request.user) | {
        "oob": True,
        "said": said,
        "shaping": shaping or bool(before.get("stages")) != bool(draft.fields.get("stages")),
        "reshaped": _shape(before) != _shape(draft.fields)
        or before.get("stages") != draft.fields.get("stages")
        and bool(said),
        "can_write": True,
    }
    return render(request, "studio/_partials/changed.html", context)


def _back(request: TeamRequest, draft: Draft, anchor: str) -> HttpResponse:
    """To the page the form stood on."""
    name = "studio:form" if request.POST.get("draft:page") == "form" else "studio:draft"
    return redirect(reverse(name, args=[draft.id]) + f"#{anchor}")


def _page(
    request: TeamRequest, draft: Draft, status: int = 200, template: str = "studio/draft.html", **extra: Any
) -> HttpResponse:
    can_write = allows(request.role, Role.MEMBER)
    mine = actions.may_change(draft, request.user)
    context = board(draft, request.user) | {
        "can_write": can_write and mine,
        "can_copy": can_write,
        "mine": mine,
        **extra,
    }
    response = render(request, template, context, status=status)
    add_never_cache_headers(response)  # going back shows the draft as it is, not as it was
    return response
