"""What a recipe can be compared with: a draft, a state of one, a run, or text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from jobs.distill import recipe as recipes
from jobs.distill.errors import RecipeInvalid
from workbench.runs.models import Kind, Run
from workbench.team.models import Team

from . import queries, recipe_text
from .models import Draft

PINS = ("revision", "sha256")


@dataclass(frozen=True)
class Side:
    """A recipe with what people call it."""

    name: str
    fields: dict[str, Any]


def runs(team: Team) -> QuerySet[Run]:
    return Run.objects.filter(team=team, kind=Kind.DISTILL).order_by("-number").only("id", "number", "title")


def of_draft(draft: Draft) -> Side:
    return Side(draft.title or "Untitled draft", draft.fields if isinstance(draft.fields, dict) else {})


def of_run(run: Run) -> Side:
    """Without the hashes that freezing pinned: what a person chose, as in a draft."""
    fields: dict[str, Any] = recipes.to_dict(recipes.parse(run.spec))
    for part in [fields.get(name, {}) for name in ("teacher", "student", "data")] + fields.get("teachers", []):
        for pin in PINS:
            part.pop(pin, None)
    return Side(f"Run {run.number}, {run.title}", fields)


def of_text(text: str) -> Side:
    """Raises RecipeInvalid with line and column."""
    fields, problems = recipe_text.load(text)
    if problems:
        p = problems[0]
        raise RecipeInvalid(f"{p.place + ': ' if p.place else ''}{p.message}", field=p.field or "recipe")
    fields.pop("version", None)
    return Side("The recipe you gave", fields)


def posted_text(request: HttpRequest) -> str:
    """The file of a form, or its text."""
    file = request.FILES.get("file")
    if file is None:
        return str(request.POST.get("recipe", ""))
    data = file.read(recipe_text.LONGEST * 4 + 1)
    try:
        return str(data.decode("utf-8-sig"))
    except UnicodeDecodeError as e:
        raise RecipeInvalid(
            f"{file.name}: byte {e.start:,} is no UTF-8 text.", field="recipe", hint="Save the recipe as UTF-8."
        ) from None


def named(team: Team, name: str, draft: Draft | None = None) -> Side:
    """`draft:<id>`, `run:<number or id>` or `state:<number>` of the draft given. Http404 where there is none."""
    kind, _, key = name.partition(":")
    if kind == "state" and draft is not None and key.isdigit():
        state = draft.changes.filter(number=int(key[:9])).first()
        if state:
            return Side(f"State {state.number} of this draft", state.fields)
    if kind == "draft" and (id := _uuid(key)) and (found := queries.drafts(team).filter(pk=id).first()):
        return of_draft(found)
    if kind == "run":
        mine = Run.objects.filter(team=team, kind=Kind.DISTILL)
        number = key.removeprefix("#")
        by = {"number": int(number)} if number.isdigit() and len(number) < 10 else {"pk": _uuid(key)}
        if run := mine.filter(**by).first():
            return of_run(run)
    raise Http404("There is no such draft or run.")


def given(team: Team, what: Any) -> Side:
    """One side of a comparison in the API: a name as above, YAML text, or a recipe as an object."""
    if isinstance(what, Mapping):
        return Side("The recipe you gave", {k: v for k, v in what.items() if k != "version"})
    text = str(what)
    if "\n" not in text and text.partition(":")[0] in ("draft", "run"):
        return named(team, text)
    return of_text(text)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
