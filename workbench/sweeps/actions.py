"""Starting, advancing and stopping sweeps. A race is advanced by the reaper's thread; every step of it can be repeated."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from jobs.distill import recipe as recipes
from jobs.distill.errors import DistillError
from jobs.distill.plan.result import Problem
from workbench.runs import actions as runs
from workbench.runs.models import ENDED, State
from workbench.studio import actions as studio
from workbench.studio import queries as checks
from workbench.team.models import Team, User

from .models import Sweep, SweepRun
from .settings import Axis, Changes, Race, changed, settings_of, with_budget, words


@dataclass
class Setting:
    """One setting before the start: what it changes, what it would cost, what stands in its way."""

    changes: Changes
    seconds: float = 0.0
    disk_bytes: int = 0
    teacher_tokens: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def words(self) -> str:
        return words(self.changes)


@dataclass
class Cost:
    """What a sweep would do before anything is spent. seconds: of work on one slot, one run after the other."""

    settings: list[Setting]
    rounds: list[dict[str, Any]]  # {number, settings, share, seconds}
    refused: list[Setting]

    @property
    def runs(self) -> int:
        return sum(r["settings"] for r in self.rounds)

    @property
    def seconds(self) -> float:
        return float(sum(r["seconds"] for r in self.rounds))

    @property
    def disk_bytes(self) -> int:
        largest = max((s.disk_bytes for s in self.settings), default=0)
        return largest * self.runs


class SweepRefused(DistillError):
    """Some settings cannot run; `settings` says which and why."""

    code = "SWEEP_REFUSED"

    def __init__(self, refused: Sequence[Setting], of: int) -> None:
        first = refused[0]
        more = f" {len(refused)} of {of} settings are refused." if of > 1 else ""
        super().__init__(
            f"{first.words}: {first.problems[0].message}{more}", field=first.problems[0].field,
            hint="Change the values, or take these out.",
        )  # fmt: skip
        self.settings = list(refused)

    def as_dict(self) -> dict[str, Any]:
        listed = [
            {"changes": s.changes, "problems": [p.model_dump(mode="json") for p in s.problems]} for s in self.settings
        ]
        return {**super().as_dict(), "settings": listed}


def cost(team: Team, recipe: Mapping[str, Any], axes: Sequence[Axis], mode: str, race: Race | None) -> Cost:
    """Compiles the plan of every setting. Raises RecipeInvalid for fields, values or a race that make no settings."""
    found = [_setting(team, changed(recipe, c), c) for c in settings_of(axes, mode)]
    refused = [s for s in found if s.problems]
    rounds, mean = [], sum(s.seconds for s in found) / max(1, len(found))
    for number, size in enumerate(race.sizes(len(found)) if race else [len(found)]):
        share = race.share(number) if race else 1.0
        if race and found:
            with_budget(changed(recipe, found[0].changes), share)  # says now what would stop the race later
        rounds.append({"number": number + 1, "settings": size, "share": share, "seconds": mean * share * size})
    return Cost(found, rounds, refused)


def _setting(team: Team, fields: dict[str, Any], changes: Changes) -> Setting:
    check = checks.check(team, fields)
    problems = list(check.refusals)
    if check.missing:
        problems += [
            Problem(code="SPEC_INVALID", field=None, message=f"No {m} is chosen. Choose one.") for m in check.missing
        ]
    if check.plan is None and not problems:
        text = "Models or rows are not measured yet. Try again in a moment."
        problems.append(Problem(code="PLAN_REFUSED", field=None, message=text))
    plan = check.plan
    return Setting(changes, plan.seconds if plan else 0.0, plan.disk_bytes if plan else 0, 0, problems)


def start(
    team: Team,
    user: User | None,
    title: str,
    recipe: Mapping[str, Any],
    axes: Sequence[Axis],
    mode: str = "grid",
    race: Race | None = None,
    idem_key: uuid.UUID | str | None = None,
) -> Sweep:
    """Queues the first round. The same key gives the same sweep. Raises RecipeInvalid or SweepRefused; then nothing was started."""
    key = uuid.UUID(str(idem_key)) if idem_key else uuid.uuid4()
    if found := Sweep.objects.filter(idem_key=key, team=team).first():
        return found
    estimate = cost(team, recipe, axes, mode, race)
    if estimate.refused:
        raise SweepRefused(estimate.refused, len(estimate.settings))
    with transaction.atomic():
        sweep = Sweep.objects.create(
            team=team, created_by=user, title=(title or _title(axes))[:200], recipe=dict(recipe),
            axes=[{"path": a.path, "values": list(a.values)} for a in axes], mode=mode,
            keep=race.keep if race else None, rounds=race.rounds if race else 1, idem_key=key,
        )  # fmt: skip
        _begin(sweep, {i: s.changes for i, s in enumerate(estimate.settings)}, 0)
    return sweep


def _title(axes: Sequence[Axis]) -> str:
    return "Sweep over " + ", ".join(a.title.lower() for a in axes)


def race_of(sweep: Sweep) -> Race | None:
    return Race(sweep.keep, sweep.rounds) if sweep.keep else None


def _begin(sweep: Sweep, settings: Mapping[int, Changes], round_: int) -> None:
    """Submits one round; the keys of its runs follow from sweep, round and setting, so that twice is once."""
    race = race_of(sweep)
    for index, changes in settings.items():
        fields = with_budget(changed(sweep.recipe, changes), race.share(round_) if race else 1.0)
        told = f", round {round_ + 1}" if race else ""
        fields["name"] = f"{sweep.title}: {words(changes)}{told}"[:200]
        run = studio.submit_recipe(
            sweep.team,
            sweep.created_by,
            recipes.parse(checks.complete(fields)),
            uuid.uuid5(sweep.id, f"{round_}:{index}"),
        )
        SweepRun.objects.get_or_create(
            sweep=sweep, index=index, round=round_, defaults={"run": run, "changes": changes}
        )


def gap(run: Any) -> float | None:
    """Gap closed of a finished run, or None."""
    value = ((run.report or {}).get("gap_closed") or {}).get("value")
    return float(value) if run.state == State.SUCCEEDED and value is not None else None


def advance_all() -> int:
    """One look at every race under way; returns how many rounds were started. For the reaper's thread."""
    open_ones = Sweep.objects.filter(ended_at=None, stopped_at=None).values_list("pk", flat=True)
    return sum(advance(pk) for pk in list(open_ones))


def advance(pk: uuid.UUID) -> bool:
    """When every run of the newest round has ended: the best go on, or the sweep is over. Only one process at a time."""
    with transaction.atomic():
        sweep = Sweep.objects.select_for_update(skip_locked=True).filter(pk=pk, ended_at=None, stopped_at=None).first()
        if sweep is None:
            return False
        members = list(sweep.members.select_related("run"))
        newest = max((m.round for m in members), default=0)
        now = [m for m in members if m.round == newest]
        if any(m.run.state not in ENDED for m in now):
            return False
        race = race_of(sweep)
        ranked = sorted((m for m in now if gap(m.run) is not None), key=lambda m: (-(gap(m.run) or 0.0), m.index))
        last = race is None or newest + 1 >= race.rounds
        if last or not ranked:
            note = "" if ranked else "No run of the last round gave a gap closed, so nothing could go on."
            Sweep.objects.filter(pk=pk).update(ended_at=Now(), note=note)
            return False
        assert race is not None
        size = race.sizes(len({m.index for m in members if m.round == 0}))[newest + 1]
        try:
            with transaction.atomic():
                _begin(sweep, {m.index: m.changes for m in ranked[:size]}, newest + 1)
        except DistillError as e:
            # A model or version was removed meanwhile: say so instead of trying for ever.
            Sweep.objects.filter(pk=pk).update(ended_at=Now(), note=f"Round {newest + 2} could not start: {e.message}")
            return False
    return True


def stop(sweep: Sweep) -> int:
    """No further round starts, and every run that has not ended is cancelled; returns how many were."""
    Sweep.objects.filter(pk=sweep.pk, ended_at=None).update(stopped_at=Now())
    count = 0
    for member in sweep.members.select_related("run").exclude(run__state__in=ENDED):
        try:
            runs.cancel(member.run)
            count += 1
        except runs.NotPossible:
            continue  # it ended between the two looks
    return count
