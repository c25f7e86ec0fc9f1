"""Everything people do to runs. Every change is a conditional UPDATE: what a page showed may be a second old."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from jobs import wake
from jobs.distill import recipe as recipes
from jobs.distill.catalog import expand
from jobs.distill.errors import DistillError

from .models import ACTIVE, Kind, Queue, Run, RunEvent, State
from .state import acting

if TYPE_CHECKING:
    from workbench.datasets.models import DatasetVersion
    from workbench.team.models import Team, User

ENOUGH = "end-rounds"  # event of a run, and file in its folder: a person wants no further round

# What may wait for a GPU slot; everything else is short work.
QUEUES = {Kind.DISTILL: Queue.GPU, Kind.EVALUATE: Queue.GPU, Kind.DRY_RUN: Queue.GPU}
FRESH: dict[str, Any] = {
    "desired": "run",
    "crashes_without_progress": 0,
    "crash_ckpt_step": -1,
    "error": None,
    "wait_reason": "",
    "finished_at": None,
}


class NotPossible(DistillError):
    """The run is in a state where this cannot be done (any more)."""

    code = "RUN_STATE"


def canonical(spec: dict[str, Any]) -> str:
    """SHA-256 of a spec, independent of field order."""
    text = json.dumps(spec, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def start_run(
    kind: str,
    team: Team,
    user: User | None,
    title: str,
    spec: dict[str, Any],
    *,
    plan: dict[str, Any] | None = None,
    idem_key: uuid.UUID | str | None = None,
    queue: str | None = None,
    priority: int = 0,
    dataset_version: DatasetVersion | None = None,
    parent: Run | None = None,
) -> Run:
    """Freezes the spec, commits the row as queued and wakes the workers; the same `idem_key` gives the same run again.

    A dead broker changes nothing: workers look at the table by themselves. Raises ValueError when the spec holds NaN,
    and NotPossible when the key belongs to another team's run.
    """
    key = uuid.UUID(str(idem_key)) if idem_key else uuid.uuid4()
    if found := Run.objects.filter(idem_key=key).first():
        return _same_team(found, team)
    run = Run(
        team=team, created_by=user, kind=kind, title=title[:200], spec=spec, spec_sha256=canonical(spec), plan=plan, idem_key=key,
        queue=queue or QUEUES.get(Kind(kind), Queue.CPU), priority=priority, dataset_version=dataset_version, parent=parent,
        state=State.QUEUED, queued_at=Now(), not_before=Now(),
    )  # fmt: skip
    try:
        with acting("user"):
            run.save(force_insert=True)
            _wake(run)
    except IntegrityError:
        # The other click of a double click was faster.
        if found := Run.objects.filter(idem_key=key).first():
            return _same_team(found, team)
        raise
    run.refresh_from_db()
    return run


def cancel(run: Run) -> Run:
    """Ends a waiting run at once; asks a running one to stop (its worker answers within a heartbeat)."""
    waiting = [State.DRAFT, State.QUEUED, State.RETRY_WAIT, State.PAUSED, State.QUARANTINED]
    with acting("user"):
        done = _change(run, waiting, state=State.CANCELLED, desired="cancel", finished_at=Now(), wait_reason="")
        asked = done or _change(run, ACTIVE, desired="cancel")
    return _refreshed(run, asked, "cancelled")


def pause(run: Run) -> Run:
    """A running run checkpoints and releases its slot; a waiting one leaves the queue at once."""
    with acting("user"):
        done = _change(run, [State.QUEUED, State.RETRY_WAIT], state=State.PAUSED, desired="pause", wait_reason="")
        asked = done or _change(
            run, [State.CLAIMED, State.RUNNING, State.PAUSING], desired="pause", unless_desired="cancel"
        )
    return _refreshed(run, asked, "paused")


def resume(run: Run) -> Run:
    """A paused run goes back to the queue and continues at its newest checkpoint."""
    return _requeue(run, [State.PAUSED], "resumed")


def retry(run: Run) -> Run:
    """A failed or quarantined run gets a new chance: counters reset, the attempt number goes on, the spec stays."""
    return _requeue(run, [State.FAILED, State.QUARANTINED], "tried again")


def end_rounds(run: Run) -> Run:
    """No further round of the run's loop begins: it goes on behind the loop and finishes with what is there."""
    if not has_rounds(run):
        raise NotPossible(f"Run {run.number} has no rounds.", hint="Pause or cancel it instead.")
    if run.is_ended or run.desired == "cancel":
        raise NotPossible(f"Run {run.number} has ended.", hint="Reload the page to see where it stands.")
    if not rounds_are_enough(run.pk):
        RunEvent.objects.create(run=run, type=ENOUGH, attempt=run.attempt, fence=run.fence)
    return run


def has_rounds(run: Run) -> bool:
    """Whether a stage of the recipe is a loop: spelled out, or one of its method's."""
    if run.kind != Kind.DISTILL:
        return False
    if stages := run.spec.get("stages"):
        return any(s.get("kind") == "loop" for s in stages)
    try:
        return any(s.kind == "loop" for s in expand(recipes.parse(run.spec)).stages)
    except DistillError:  # a method that is not there any more
        return False


def rounds_are_enough(run_id: uuid.UUID | str) -> bool:
    """Whether a person said so, in this or an earlier attempt."""
    return RunEvent.objects.filter(run_id=run_id, type=ENOUGH).exists()


def clone(run: Run, user: User | None, *, title: str | None = None, idem_key: uuid.UUID | str | None = None) -> Run:
    """The same spec as a new run, remembered as its child."""
    return start_run(
        run.kind, run.team, user, title or run.title, run.spec, plan=run.plan, idem_key=idem_key, queue=run.queue,
        priority=run.priority, dataset_version=run.dataset_version, parent=run,
    )  # fmt: skip


def _requeue(run: Run, states: list[State], verb: str) -> Run:
    with acting("user"):
        done = _change(run, states, state=State.QUEUED, not_before=Now(), queued_at=Now(), **FRESH)
        if done:
            _wake(run)
    return _refreshed(run, done, verb)


def _change(run: Run, states: Any, unless_desired: str | None = None, **values: Any) -> bool:
    rows = Run.objects.filter(pk=run.pk, state__in=list(states))
    if unless_desired:
        rows = rows.exclude(desired=unless_desired)
    return bool(rows.update(**values))


def _refreshed(run: Run, done: bool, verb: str) -> Run:
    """The run as it stands now. Asking for what is already so is no error: people click twice."""
    run.refresh_from_db()
    if not done and run.state != verb:
        raise NotPossible(
            f"Run {run.number} cannot be {verb}: it is {State(run.state).label.lower()}.",
            hint="Reload the page to see where it stands.",
        )
    return run


def _same_team(run: Run, team: Team) -> Run:
    if run.team_id != team.pk:
        raise NotPossible("This form was already used.", hint="Open the page again and submit once more.")
    return run


def _wake(run: Run) -> None:
    transaction.on_commit(lambda: wake.publish(str(run.pk), run.queue))
