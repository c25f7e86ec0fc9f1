"""A fetch leaves an upload: the file as it came, what a first look found in it, and where it came from. A person confirms it."""

from __future__ import annotations

from pathlib import Path

from jobs.distill.errors import Transient
from workbench.datasets.actions import shown_name
from workbench.datasets.models import Dataset, Upload
from workbench.runs.models import Blob, Run

from .outcome import Outcome, read_report

FILE = "fetched/file"


def collect(run: Run, folder: Path) -> Outcome:
    report = read_report(folder)
    findings = report.pop("findings", None)
    if not (folder / FILE).is_file() or not isinstance(findings, dict):
        raise Transient("The engine ended well but left no file.", code="FILE_MISSING", hint="See the log of the run.")

    def commit(run: Run, blobs: dict[str, Blob]) -> None:
        into = Dataset.objects.filter(pk=run.spec.get("into"), team=run.team).first()
        upload, _ = Upload.objects.get_or_create(
            fetched_by=run,
            defaults={
                "team": run.team, "created_by": run.created_by, "dataset": into, "filename": shown_name(report["filename"]),
                "blob": blobs[FILE], "findings": findings, "origin": report["origin"],
            },
        )  # fmt: skip
        report["upload"] = str(upload.pk)

    return Outcome(report, {FILE: folder / FILE}, (), commit)
