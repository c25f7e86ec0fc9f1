"""What happened to a run, and where its result stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from . import words
from .actions import ENOUGH
from .models import STANDS_STILL, Kind, Run, RunEvent, State
from .pages import events


@dataclass
class Moment:
    """One line of the timeline."""

    at: Any
    attempt: int
    icon: str
    title: str
    text: str = ""
    tone: str = ""


def timeline(run: Run) -> list[Moment]:
    """State changes, phases, checkpoints, alarms and errors, newest first."""
    found = events(run, "state", "phase", "checkpoint", "review", ENOUGH, "alarm", "error", limit=300)
    return [_moment(e) for e in reversed(found)]


def _moment(e: RunEvent) -> Moment:
    d = e.data
    if e.type == "state":
        state = d.get("to", "")
        title = State(state).label if state in State.values else str(state)
        why = str(d.get("reason") or d.get("message") or _ACTORS.get(d.get("actor", ""), ""))
        return Moment(e.at, e.attempt, "flag", title, why, _TONES.get(state, ""))
    if e.type == "phase":
        title, text = words.PHASES.get(d.get("phase", ""), (str(d.get("phase", "")).capitalize(), ""))
        return Moment(e.at, e.attempt, "player-play", title, str(d.get("stage") or text))
    if e.type == "review":
        return Moment(e.at, e.attempt, "eye", f"{d.get('rows', 0):,} rows wait for a review", str(d.get("stage") or ""))
    if e.type == ENOUGH:
        return Moment(e.at, e.attempt, "flag", "The rounds end", "A person asked for no further round.")
    if e.type == "checkpoint":
        title = f"Checkpoint at step {d.get('step', 0):,}"
        return Moment(e.at, e.attempt, "device-floppy", title, "Written, read back and hashed.")
    if d.get("code") in STANDS_STILL:
        return Moment(e.at, e.attempt, "player-pause", str(d.get("message", "")), str(d.get("hint") or ""))
    tone = "warning" if e.type == "alarm" else "danger"
    return Moment(e.at, e.attempt, "alert-triangle", str(d.get("message", "")), str(d.get("hint") or ""), tone)


_ACTORS = {"user": "by a person", "worker": "by the worker", "reaper": "because the worker was lost"}
_TONES = {State.SUCCEEDED: "success", State.FAILED: "danger", State.QUARANTINED: "danger", State.RETRY_WAIT: "warning"}


def result_url(run: Run) -> str:
    """Where the result of other work than a distillation stands; empty before it has one."""
    find = _RESULTS.get(run.kind) if run.state == State.SUCCEEDED else None
    return find(run) if find else ""


def _model(run: Run) -> str:
    from workbench.library.models import Model

    model = Model.objects.filter(added_by_run=run).first()
    return reverse("library:detail", args=[model.pk]) if model else ""


def _version(run: Run) -> str:
    from workbench.datasets.models import DatasetVersion

    version = DatasetVersion.objects.filter(created_by_run=run).first()
    return reverse("datasets:version", args=[version.dataset_id, version.number]) if version else ""


def _dataset(run: Run) -> str:
    from workbench.datasets.models import Dataset

    dataset = Dataset.objects.filter(versions__created_by_run=run).first()
    return reverse("datasets:detail", args=[dataset.pk]) if dataset else ""


def _endpoint(run: Run) -> str:
    from workbench.endpoints.queries import by_key

    row = by_key(run.team, str(run.spec.get("endpoint")))
    return reverse("endpoints:detail", args=[row.pk]) if row else ""


_RESULTS: dict[str, Callable[[Run], str]] = {
    Kind.ADD_MODEL: _model,
    Kind.IMPORT_DATASET: _dataset,
    Kind.TRANSFORM_DATASET: _version,
    Kind.FETCH_DATASET: lambda run: reverse("datasets:fetching", args=[run.pk]),
    Kind.TEST_ENDPOINT: _endpoint,
}
