"""A profile belongs to the dataset version it measured: facts for the plan compiler, statistics for the page."""

from __future__ import annotations

from pathlib import Path

from workbench.datasets.models import DatasetVersion
from workbench.runs.models import Blob, Run

from .outcome import Outcome, read_report


def collect(run: Run, folder: Path) -> Outcome:
    report = read_report(folder)
    version = run.dataset_version_id or run.spec.get("version")

    def commit(run: Run, blobs: dict[str, Blob]) -> None:
        DatasetVersion.objects.filter(pk=version).update(facts=report.get("facts"), profile=report.get("profile"))

    # The lengths of 20,000 rows belong to the version, not a second time to the run.
    return Outcome({"version_id": str(version)}, {}, (), commit)
