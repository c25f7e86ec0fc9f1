"""A test of an endpoint leaves what was found with the endpoint, as long as that is still what was tested."""

from __future__ import annotations

from pathlib import Path

from django.db.models.functions import Now

from workbench.endpoints import queries
from workbench.runs.models import Blob, Run

from .outcome import Outcome, present, read_report


def collect(run: Run, folder: Path) -> Outcome:
    report = read_report(folder)
    files = present(folder, ("engine.log",))

    def commit(run: Run, blobs: dict[str, Blob]) -> None:
        row = queries.by_key(run.team, str(run.spec.get("endpoint")))
        if row and (run.started_at is None or row.changed_at <= run.started_at):
            type(row).objects.filter(pk=row.pk).update(tested=report, tested_at=Now())

    return Outcome(report, files, tuple(files), commit)
