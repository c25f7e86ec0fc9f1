"""Dry runs of drafts: two real steps on a slot, whose figures stand in the place of the plan's estimates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobs.distill import recipe as recipes
from jobs.distill.plan.result import Problem
from jobs.distill.recipe import Recipe
from workbench.runs import actions as runs
from workbench.runs.models import Kind, Run, State
from workbench.team.models import Team, User

from . import actions, queries
from .models import Draft
from .queries import Check


@dataclass(frozen=True)
class Measured:
    """The newest dry run of a draft. `is_stale`: the recipe, its models or its rows are no longer those it measured."""

    run: Run
    is_stale: bool
    seconds: float | None = None
    memory_bytes: int | None = None
    stages: tuple[dict[str, Any], ...] = ()
    alarms: tuple[str, ...] = ()
    written: tuple[dict[str, Any], ...] = ()  # of each stage that writes: its name, some rows, some that were left out

    @property
    def is_live(self) -> bool:
        return not self.run.is_ended

    @property
    def counts(self) -> bool:
        """Whether its figures may stand in the place of the estimates."""
        return self.run.state == State.SUCCEEDED and not self.is_stale


def start(draft: Draft, user: User) -> Run:
    """The dry run of the draft as it stands; while one of the same recipe waits or runs, that one. Raises Refused."""
    check = checked(queries.check(draft.team, draft.fields))
    if (before := draft.dry_run) and not before.is_ended and not is_stale(before, check):
        return before
    run = submit(draft.team, user, check)
    Draft.objects.filter(pk=draft.pk).update(dry_run=run)
    draft.dry_run = run
    return run


def submit(team: Team, user: User | None, check: Check, idem_key: Any = None) -> Run:
    """A dry run of a checked recipe."""
    assert check.recipe is not None and check.plan is not None
    frozen = actions.freeze(check.recipe, check.found)
    return runs.start_run(
        Kind.DRY_RUN, team, user, f"Dry run: {frozen.name}", frozen.model_dump(mode="json"),
        plan=check.plan.model_dump(mode="json"), idem_key=idem_key, dataset_version=check.found.version,
    )  # fmt: skip


def submit_recipe(team: Team, user: User | None, recipe: Recipe, idem_key: Any = None) -> Run:
    """For the API and the command line. Raises Refused with every sentence."""
    return submit(team, user, checked(queries.check(team, recipes.to_dict(recipe))), idem_key)


def checked(check: Check) -> Check:
    """The check again, where nothing speaks against a start; raises Refused with what does."""
    if check.ok:
        return check
    missing = [
        Problem(code="SPEC_INVALID", field=None, message=f"No {m} is chosen. Choose one.") for m in check.missing
    ]
    not_yet = Problem(
        code="PLAN_REFUSED", field=None, message="Models or rows are not measured yet. Try again in a moment."
    )
    raise actions.Refused([*missing, *check.refusals] or [not_yet])


def measured(draft: Draft, check: Check) -> Measured | None:
    """What the draft's newest dry run says; None without one."""
    run = draft.dry_run
    if run is None:
        return None
    report = (run.report or {}) if run.state == State.SUCCEEDED else {}
    return Measured(
        run,
        is_stale(run, check),
        report.get("seconds_estimate"),
        report.get("peak_memory_bytes"),
        tuple(report.get("stages") or ()),
        tuple(report.get("alarms") or ()),
        tuple(report.get("written") or ()),
    )


def is_stale(run: Run, check: Check) -> bool:
    """Whether the recipe is another than the one that was measured. Its name does not count."""
    if check.recipe is None:
        return True
    now = actions.freeze(check.recipe, check.found).model_dump(mode="json")
    return {**now, "name": ""} != {**run.spec, "name": ""}
