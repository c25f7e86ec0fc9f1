"""The samples that ship with the workbench: entries of the library and of the datasets that belong to no team.

Their facts come from the engine (`prepare_samples`), measured once for these files and kept in the data folder.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from jobs.distill.errors import Transient
from jobs.samples.catalog import DATASETS, MODELS, SampleDataset, SampleModel
from workbench.datasets.models import Dataset, DatasetVersion
from workbench.library.models import Model, Source
from workbench.runs import blobs
from workbench.runs.models import Blob, Run

from .outcome import Outcome, present, read_report


def collect(run: Run, folder: Path) -> Outcome:
    report = read_report(folder)
    files = present(folder, ("engine.log",))

    def commit(run: Run, stored: dict[str, Blob]) -> None:
        _save(report)

    return Outcome(
        {"models": list(report["models"]), "datasets": list(report["datasets"])}, files, tuple(files), commit
    )


def register() -> str:
    """Enters the shipped samples, measuring them first when that was not done yet. Returns what there is, in words."""
    kept = settings.DATA_DIR / "samples" / f"{_fingerprint()}.json"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial")
        partial.write_text(json.dumps(_measure()), encoding="utf-8")
        partial.replace(kept)
    _save(json.loads(kept.read_text(encoding="utf-8")))
    return f"{len(MODELS)} models, {len(DATASETS)} dataset{'s' if len(DATASETS) != 1 else ''}"


def _measure() -> dict[str, Any]:
    """The engine's report about the samples; raises Transient with its words when it refuses."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*settings.ENGINE, "prepare_samples", folder],
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            timeout=600,
        )
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise Transient(f"The samples could not be prepared: {last}", code="SAMPLES")
        return read_report(Path(folder))


def _save(report: dict[str, Any]) -> None:
    with transaction.atomic():
        for model in MODELS:
            _model(model, report["models"][model.key])
        for data in DATASETS:
            _dataset(data, report["datasets"][data.key])


def _model(sample: SampleModel, facts: dict[str, Any]) -> None:
    values = {
        "title": sample.title, "source": Source.SAMPLE, "sha256": facts.get("sha256") or "", "folder": str(sample.folder), "facts": facts,
        "licence": sample.licence, "attribution": sample.attribution,
    }  # fmt: skip
    Model.objects.update_or_create(team=None, key=sample.key, revision="", defaults=values)


def _dataset(sample: SampleDataset, measured: dict[str, Any]) -> None:
    values = {"title": sample.title, "licence": sample.licence, "attribution": sample.attribution}
    dataset, _ = Dataset.objects.update_or_create(team=None, key=sample.key, defaults=values)
    rows, source = blobs.put(sample.folder / sample.rows), blobs.put(sample.folder / sample.upload)
    newest = dataset.versions.order_by("-number").first()
    if newest is None or newest.sha256 != rows.sha256:
        newest = DatasetVersion(
            dataset=dataset,
            number=newest.number + 1 if newest else 1,
            sha256=rows.sha256,
            rows_blob=rows,
            source_blob=source,
        )
    newest.mapping, newest.counts = {"roles": sample.roles}, sample.counts
    newest.profile = measured["profile"]
    newest.facts = {**measured["facts"], **_lengths(newest.facts, measured["facts"])}
    newest.save()


def _lengths(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """Lengths that profiles for other tokenizers have added since stay."""
    return {name: {**((old or {}).get(name) or {}), **new[name]} for name in ("prompt_lengths", "answer_lengths")}


def _fingerprint() -> str:
    """Changes with any shipped file and with where they lie."""
    samples: list[SampleModel | SampleDataset] = [*MODELS, *DATASETS]
    files = [(str(sample.folder), file.name, file.sha256) for sample in samples for file in sample.files]
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
