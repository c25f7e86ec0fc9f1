"""A transform leaves a new version: its rows, the steps that made it, and a list of every row they touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db.models import Max

from jobs.distill.errors import DataRefused, Transient
from workbench.datasets import transforms
from workbench.datasets.models import Dataset, DatasetVersion, StepDraft
from workbench.runs.models import Blob, Run

from . import import_dataset, profile_dataset
from .outcome import Outcome, present, read_report


def collect(run: Run, folder: Path) -> Outcome:
    report = read_report(folder)
    files = present(folder, ("rows.parquet", "changes.jsonl"))
    if len(files) < 2:
        raise Transient("The engine ended well but left no rows.", code="ROWS_MISSING", hint="See the log of the run.")

    def commit(run: Run, blobs: dict[str, Blob]) -> None:
        version = _version(run, report, blobs)
        report["dataset"], report["version"], report["version_id"] = (
            str(version.dataset_id),
            version.number,
            str(version.pk),
        )
        StepDraft.objects.filter(version=version.parent, user=run.created_by, steps=run.spec.get("draft")).delete()
        profile_dataset.start(run, version)

    return Outcome(report, files, (), commit)


def _version(run: Run, report: dict[str, Any], blobs: dict[str, Blob]) -> DatasetVersion:
    parent = DatasetVersion.objects.select_related("dataset").filter(runs=run).first()
    if parent is None:
        raise DataRefused("The version that was transformed no longer exists.", hint="Choose another version.")
    dataset = _dataset(run, parent)
    steps = transforms.parsed(report["steps"])
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=(dataset.versions.aggregate(newest=Max("number"))["newest"] or 0) + 1,
        sha256=blobs["rows.parquet"].sha256,
        rows_blob=blobs["rows.parquet"],
        mapping=transforms.mapping_after(parent.mapping, steps),
        counts=report.get("counts") or {},
        created_by_run=run,
        parent=parent,
        steps=report["steps"],
        changes=report["changes"],
        changes_blob=blobs["changes.jsonl"],
    )
    version.joined.set(transforms.needed(run.team, parent, steps).versions.values())
    return version


def _dataset(run: Run, parent: DatasetVersion) -> Dataset:
    """The parent's dataset, locked against a second version of the same number; a new one where the spec gives a title."""
    if not run.spec.get("title"):
        return Dataset.objects.select_for_update().get(pk=parent.dataset_id, team=run.team)
    title = str(run.spec["title"])[:200]
    return Dataset.objects.create(
        team=run.team,
        key=import_dataset._free_key(run, title),
        title=title,
        licence=parent.dataset.licence,
        attribution=parent.dataset.attribution,
    )
