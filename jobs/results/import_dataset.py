"""An import leaves a new version of a dataset: canonical rows, refused rows and counts. Its profile is the next run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db.models import Max
from django.utils.text import slugify

from jobs.distill.errors import Transient
from workbench.datasets.models import Dataset, DatasetVersion, Upload
from workbench.runs.models import Blob, Run

from . import profile_dataset
from .outcome import Outcome, present, read_report


def collect(run: Run, folder: Path) -> Outcome:
    report = read_report(folder)
    files = present(folder, ("rows.parquet", "refused.jsonl", "changed.jsonl"))
    if "rows.parquet" not in files:
        raise Transient("The engine ended well but left no rows.", code="ROWS_MISSING", hint="See the log of the run.")

    def commit(run: Run, blobs: dict[str, Blob]) -> None:
        version = _version(run, report, blobs)
        report["dataset"], report["version"], report["version_id"] = (
            str(version.dataset_id),
            version.number,
            str(version.pk),
        )
        profile_dataset.start(run, version)

    return Outcome(report, files, (), commit)


def _version(run: Run, report: dict[str, Any], blobs: dict[str, Blob]) -> DatasetVersion:
    upload = Upload.objects.select_related("dataset").filter(pk=run.spec.get("upload"), team=run.team).first()
    dataset = _dataset(run, upload)
    refused, changed = blobs.get("refused.jsonl"), blobs.get("changed.jsonl")
    return DatasetVersion.objects.create(
        dataset=dataset,
        number=(dataset.versions.aggregate(newest=Max("number"))["newest"] or 0) + 1,
        sha256=blobs["rows.parquet"].sha256,
        rows_blob=blobs["rows.parquet"],
        source_blob=upload.blob if upload else None,
        refused_blob=refused if refused and refused.size else None,
        changed_blob=changed if changed and changed.size else None,
        mapping=report.get("mapping") or {"roles": run.spec.get("roles") or {}},
        counts=report.get("counts") or {},
        created_by_run=run,
        origin=upload.origin if upload else {},
        parent=_parent(run, upload),
    )


def _parent(run: Run, upload: Upload | None) -> DatasetVersion | None:
    """The version that the rows were made from: chosen by a person, or read by the run whose outputs they are."""
    came_from = (upload.origin if upload else {}).get("version")
    seen = DatasetVersion.objects.filter(profile_dataset.visible(run, "dataset__"))
    return seen.filter(pk=came_from).first() if came_from else None


def _dataset(run: Run, upload: Upload | None) -> Dataset:
    """The dataset the upload belongs to or the spec names, locked against a second version of the same number; else a new one."""
    chosen = upload.dataset_id if upload and upload.dataset_id else run.spec.get("dataset")
    if chosen and (found := Dataset.objects.select_for_update().filter(pk=chosen, team=run.team).first()):
        return found
    title = str(run.spec.get("title") or (Path(upload.filename).stem if upload else "") or "Dataset")[:200]
    dataset = Dataset.objects.create(
        team=run.team, key=_free_key(run, title), title=title, licence=str(run.spec.get("licence") or "")[:200],
        attribution=str(run.spec.get("attribution") or ""),
    )  # fmt: skip
    if upload:
        Upload.objects.filter(pk=upload.pk).update(dataset=dataset)
    return dataset


def _free_key(run: Run, title: str) -> str:
    base = slugify(title)[:180] or "dataset"
    taken = set(Dataset.objects.filter(team=run.team, key__startswith=base).values_list("key", flat=True))
    return next(key for n in range(1, len(taken) + 2) if (key := base if n == 1 else f"{base}-{n}") not in taken)
