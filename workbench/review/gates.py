"""A run that waits for a person: its rows become a version, a desk is set up over it, the run goes on with what came of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from jobs.distill.errors import DataRefused
from workbench.datasets import actions as datasets
from workbench.datasets import sources
from workbench.datasets.models import DatasetVersion
from workbench.runs.actions import NotPossible, resume
from workbench.runs.models import Run, RunEvent, State
from workbench.team.models import User

from . import actions
from .models import Gate, Order, Review

NEEDED = "REVIEW_NEEDED"
NOT_READ = ("split",)  # every row of a gate is for training: the column would ask for held-out rows


@dataclass
class Waiting:
    """What the run waits for, and how far a person has come. `versions`: what it may go on with, the newest first."""

    stage: str
    file: str
    rows: int
    note: str = ""
    making: Run | None = None
    version: DatasetVersion | None = None
    review: Review | None = None
    versions: list[DatasetVersion] = field(default_factory=list)
    not_shown: int = 0  # rows that could not be laid out: they stay as they are

    @property
    def step(self) -> str:
        """lay (nothing done yet, or it failed) | laying | look | go (a newer version than the one laid out is there)."""
        if self.version is None:
            return "laying" if self.making and not self.making.is_ended else "lay"
        return "go" if len(self.versions) > 1 else "look"


def waiting(run: Run) -> Waiting | None:
    """None for a run that does not stand before a gate."""
    if run.state != State.PAUSED or (run.error or {}).get("code") != NEEDED:
        return None
    event = RunEvent.objects.filter(run=run, type="review").order_by("-id").first()
    if event is None:
        return None
    told = event.data
    out = Waiting(str(told["stage"]), str(told["file"]), int(told["rows"]), str(told.get("note") or ""))
    gate = Gate.objects.filter(run=run, stage=out.stage).select_related("making", "version__dataset", "review").first()
    if gate is None:
        return out
    out.making, out.review, out.version = gate.making, gate.review, gate.version
    if out.version is None and gate.making:
        made = DatasetVersion.objects.filter(created_by_run=gate.making).select_related("dataset")
        out.version = made.first()
    if out.version:
        later = out.version.dataset.versions.filter(number__gte=out.version.number).order_by("-number")
        out.versions = list(later.select_related("dataset").defer("facts", "profile"))
        out.not_shown = max(0, out.rows - int((out.version.counts or {}).get("rows") or out.rows))
    return out


def lay_out(run: Run, user: User) -> Run:
    """Starts the import of the rows that wait. Raises NotPossible, or DataRefused where they cannot become a dataset.

    Pressed twice it is the same import; one that failed is started anew.
    """
    found = _waiting(run)
    if found.version and found.making:
        return found.making
    once = uuid.uuid5(run.pk, found.file)
    upload = sources.from_run(run.team, user, run, found.file, idem_key=once)
    known = upload.findings["roles"]
    roles = {role: column for role, column in known.items() if role not in NOT_READ}
    findings = datasets.look_again(upload, roles, {})
    codes = [p["code"] for p in findings["problems"] if p["severity"] == "confirm"]
    about = {"title": f"Run {run.number}: {found.stage}"[:200], "licence": "", "attribution": ""}
    making = datasets.start_import(upload, user, about, roles, {"accepted": codes})
    Gate.objects.update_or_create(run=run, stage=found.stage, defaults={"file": found.file, "making": making})
    return making


def open_desk(run: Run, user: User) -> Review:
    """The desk over the rows that wait, set up when it is first opened."""
    found = _waiting(run)
    if found.version is None:
        raise NotPossible(f"The rows of run {run.number} are not laid out yet.", hint="Lay them out first.")
    if found.review:
        return found.review
    made = actions.open_review(run.team, user, found.version, Order.FILE, limit=actions.MOST_ROWS)
    made.note = " ".join(x for x in (found.note, made.note) if x)[:400]
    made.save(update_fields=["note"])
    with transaction.atomic():
        gate = Gate.objects.select_for_update().get(run=run, stage=found.stage)
        if gate.review is not None:
            made.delete()  # somebody else was quicker
            return gate.review
        gate.review, gate.version = made, found.version
        gate.save(update_fields=["review", "version"])
    return made


def go_on(run: Run, user: User, number: int | None = None) -> Run:
    """The run goes on with this version of the dataset its rows were laid out as; without a number with the newest."""
    found = _waiting(run)
    chosen = next((v for v in found.versions if number in (None, v.number)), None)
    if chosen is None:
        if not found.versions:
            raise NotPossible(f"The rows of run {run.number} are not laid out yet.", hint="Lay them out first.")
        numbers = ", ".join(str(v.number) for v in found.versions)
        raise DataRefused(
            f"{number} is no version of this review.", field="version", hint=f"There are: {numbers}.", limit=number
        )
    with transaction.atomic():
        Gate.objects.filter(run=run, stage=found.stage).update(
            version=found.version, chosen=chosen, chosen_by=user, chosen_at=timezone.now()
        )
        return resume(run)


def _waiting(run: Run) -> Waiting:
    found = waiting(run)
    if found is None:
        raise NotPossible(
            f"Run {run.number} does not wait for a review.", hint="Reload the page to see where it stands."
        )
    return found
