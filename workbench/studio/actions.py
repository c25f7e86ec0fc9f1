"""Drafts are saved on every change; a submitted recipe is checked again, frozen, hashed and becomes a run."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from django.db import transaction

from jobs.distill import recipe as recipes
from jobs.distill.catalog import SYSTEMS
from jobs.distill.errors import PlanRefused
from jobs.distill.plan.result import Problem
from jobs.distill.recipe import Recipe
from jobs.samples.catalog import RECIPE
from workbench.library.models import Model
from workbench.runs import actions as runs
from workbench.runs.models import Kind, Run
from workbench.team.models import Team, User

from . import history, paths, queries
from .models import Draft

UNTITLED = Recipe.model_fields["name"].default


class Refused(PlanRefused):
    """A recipe that cannot start; `problems` has every sentence with its field and fix."""

    def __init__(self, problems: list[Problem]) -> None:
        first, more = problems[0], len(problems) - 1
        tail = f" And {more} more problem{'s' if more > 1 else ''}." if more else ""
        super().__init__(
            first.message + tail, field=first.field, hint=first.fix.label if first.fix else None, code=first.code
        )
        self.problems = problems

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "problems": [p.model_dump(mode="json") for p in self.problems]}


def open_draft(team: Team, user: User, preset: Mapping[str, str]) -> Draft:
    """The person's untouched draft, or a new one. `preset` are dotted fields given in the address."""
    fields: dict[str, Any] = {}
    for path, value in preset.items():
        paths.put(fields, path, value)
    pristine = Draft.objects.filter(team=team, created_by=user, run=None, fields=fields).first()
    return pristine or Draft.objects.create(team=team, created_by=user, fields=fields)


def save_draft(
    draft: Draft,
    fields: dict[str, Any],
    seen: history.Seen = history.Seen(),  # noqa: B008 - frozen
    words: str = "",
    comments: list[Any] | None = None,
) -> Draft:
    """Stores the fields as a new state of the draft. Raises history.Conflict where it was changed elsewhere meanwhile."""
    return history.change(draft, fields, seen, words, comments)


def copy_draft(draft: Draft, user: User, fields: dict[str, Any] | None = None) -> Draft:
    """A draft of one's own with the same recipe, or with `fields`; the other stays as it is."""
    copied = deepcopy(draft.fields if fields is None else fields)
    title = f"{draft.title or 'Draft'} (copy)"[:200]
    if copied.get("name"):
        copied["name"] = title
    return Draft.objects.create(
        team=draft.team, created_by=user, title=title, fields=copied, comments=deepcopy(draft.comments)
    )


def may_change(draft: Draft, user: Any) -> bool:
    """A draft belongs to the person who made it; one whose maker is gone belongs to the team."""
    return draft.created_by_id in (None, user.pk)


def apply_fix(fields: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The fields after one click of a fix: `path` set, or emptied where the value is None. A method replaces spelled-out stages."""
    fields = deepcopy(fields)
    if value is None:
        paths.drop(fields, path)
    else:
        paths.put(fields, path, value)
    if path == "method" and value:
        fields.pop("stages", None)
        fields.pop("options", None)
    return fields


def submit_draft(draft: Draft, user: User) -> Run:
    """The draft's run; a second click gets the same one. Raises Refused, or RecipeInvalid."""
    run = _submit(draft.team, user, draft.fields, draft.idem_key)
    with transaction.atomic():
        Draft.objects.filter(pk=draft.pk, idem_key=draft.idem_key).update(run=run)
    return run


def submit_recipe(team: Team, user: User | None, recipe: Recipe, idem_key: uuid.UUID | str | None = None) -> Run:
    """For the API and the command line: check, freeze, start. Raises Refused with every sentence."""
    return _submit(team, user, recipes.to_dict(recipe), idem_key)


def submit_sample(team: Team, user: User, idem_key: uuid.UUID | str) -> Run:
    """The one-click run of the start page."""
    return submit_recipe(team, user, recipes.parse(RECIPE), idem_key)


def sample_is_ready(team: Team) -> bool:
    """Whether the sample models and data are in the library, so that the one-click run can start."""
    return not queries.find(team, RECIPE).problems


def freeze(recipe: Recipe, found: queries.Found) -> Recipe:
    """The recipe with revisions and hashes pinned, and a name made from what it does where none was given."""
    update: dict[str, Any] = {"student": _pinned(recipe.student, found.student)}
    if recipe.teacher is not None:
        update["teacher"] = _pinned(recipe.teacher, found.teacher)
    update["teachers"] = [_pinned(t, found.teachers.get(t.id)) for t in recipe.teachers]
    if found.version is not None:
        update["data"] = recipe.data.model_copy(
            update={"version": found.version.number, "sha256": found.version.sha256}
        )
    if recipe.name == UNTITLED:
        update["name"] = default_name(recipe, found)
    return recipe.model_copy(update=update)


def default_name(recipe: Recipe, found: queries.Found) -> str:
    """LLM-Neo: Small student on Banking77."""
    system = SYSTEMS.get(recipe.method or "")
    method = system.title.partition(":")[0] if system else "Own stages"
    student = found.student.title if found.student else recipe.student.model
    data = found.version.dataset.title if found.version else recipe.data.dataset or recipe.data.file or "data"
    return f"{method}: {student} on {data}"[:200]


def _submit(team: Team, user: User | None, fields: Mapping[str, Any], idem_key: uuid.UUID | str | None) -> Run:
    if idem_key and (run := Run.objects.filter(team=team, idem_key=idem_key).first()):
        return run
    check = queries.check(team, fields)
    if check.missing:
        raise Refused(
            [
                Problem(code="SPEC_INVALID", field=_field(m), message=f"No {m} is chosen. Choose one.")
                for m in check.missing
            ]
        )
    if check.refusals:
        raise Refused(check.refusals)
    if check.recipe is None or check.plan is None:
        raise Refused(
            [
                Problem(
                    code="PLAN_REFUSED",
                    field=None,
                    message="Models or rows are not measured yet. Try again in a moment.",
                )
            ]
        )
    frozen = freeze(check.recipe, check.found)
    return runs.start_run(
        Kind.DISTILL, team, user, frozen.name, frozen.model_dump(mode="json"), plan=check.plan.model_dump(mode="json"), idem_key=idem_key,
        dataset_version=check.found.version,
    )  # fmt: skip


def _field(missing: str) -> str:
    return "data.dataset" if missing == "dataset" else f"{missing}.model"


def _pinned(ref: Any, model: Model | None) -> Any:
    if model is None:
        return ref
    return ref.model_copy(update={"revision": model.revision or None, "sha256": model.sha256 or None})
