"""What each kind of work leaves behind, and the one transaction that makes it true.

Bytes go in first, content-addressed. Then, in one transaction: lock the row, check state and fence, insert artifacts
and rows of this kind, set `succeeded`, give the slot back. A lost acknowledgement is re-read, never repeated blindly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.db.models.functions import Now

from workbench.runs import blobs
from workbench.runs.models import Artifact, Blob, Kind, Run, State
from workbench.runs.state import acting

from ..lease import Lease, LeaseLost
from . import (
    add_model,
    distill,
    dry_run,
    evaluate,
    fetch_dataset,
    import_dataset,
    profile_dataset,
    samples,
    test_endpoint,
    transform_dataset,
)
from .outcome import Outcome

COLLECT: dict[Kind, Callable[[Run, Path], Outcome]] = {
    Kind.DISTILL: distill.collect,
    Kind.EVALUATE: evaluate.collect,
    Kind.DRY_RUN: dry_run.collect,
    Kind.FETCH_DATASET: fetch_dataset.collect,
    Kind.IMPORT_DATASET: import_dataset.collect,
    Kind.PROFILE_DATASET: profile_dataset.collect,
    Kind.TRANSFORM_DATASET: transform_dataset.collect,
    Kind.ADD_MODEL: add_model.collect,
    Kind.PREPARE_SAMPLES: samples.collect,
    Kind.TEST_ENDPOINT: test_endpoint.collect,
}


OUTPUTS = "outputs"


def keep_outputs(lease: Lease, folder: Path) -> None:
    """What a run that stands still wrote so far becomes artifacts, so that people can open and use it. Raises LeaseLost.

    The next attempt writes the same files anew, and more of them; they take the place of these.
    """
    found = sorted(p for p in (folder / OUTPUTS).glob("*.jsonl") if not p.is_symlink())
    stored = {f"{OUTPUTS}/{p.name}": blobs.put(p) for p in found}
    with transaction.atomic():
        run = Run.objects.select_for_update(of=("self",)).filter(pk=lease.run_id, fence=lease.fence).first()
        if run is None:
            raise LeaseLost(f"run {lease.run_id}: fence {lease.fence} is no longer the newest")
        Artifact.objects.filter(run=run, name__in=stored).delete()
        Artifact.objects.bulk_create(
            Artifact(run=run, name=name, blob=blob, attempt=lease.attempt, fence=lease.fence)
            for name, blob in stored.items()
        )


@dataclass(frozen=True)
class Stored:
    """An outcome whose bytes are in the database."""

    outcome: Outcome
    blobs: dict[str, Blob]


def store(lease: Lease, folder: Path) -> Stored:
    """Reads what the engine left and stores its bytes. Safe to repeat. Raises Transient when something is missing."""
    run = Run.objects.get(pk=lease.run_id)
    outcome = COLLECT[Kind(run.kind)](run, folder)
    return Stored(outcome, {name: blobs.put(path) for name, path in outcome.files.items()})


def commit(lease: Lease, stored: Stored) -> str:
    """The final transaction; returns the state the run is in now. Raises LeaseLost when a newer fence exists.

    A run that was asked to pause or cancel while it finished is not made to succeed: its supervisor releases it.
    """
    with acting("worker"):
        run = Run.objects.select_for_update(of=("self",)).filter(pk=lease.run_id, fence=lease.fence).first()
        if run is None:
            raise LeaseLost(f"run {lease.run_id}: fence {lease.fence} is no longer the newest")
        if run.state != State.RUNNING:
            return run.state
        _write(run, lease, stored)
    return State.SUCCEEDED


def _write(run: Run, lease: Lease, stored: Stored) -> None:
    outcome = stored.outcome
    Artifact.objects.filter(run=run).delete()  # of earlier attempts that stood still
    Artifact.objects.bulk_create(
        Artifact(run=run, name=name, blob=stored.blobs[name], attempt=lease.attempt, fence=lease.fence)
        for name in outcome.artifacts
    )
    if outcome.commit:
        outcome.commit(run, stored.blobs)
    Run.objects.filter(pk=run.pk, fence=lease.fence).update(
        state=State.SUCCEEDED, report=outcome.report, error=None, wait_reason="", finished_at=Now(),
        slot=None, lease_until=None, owner=None, reap_seen=None,
    )  # fmt: skip
