"""Uploads of tests: sent as the form sends them, imported as the worker does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from jobs.distill.data import verbs
from jobs.distill.events import Events
from jobs.results import import_dataset
from workbench.datasets.models import DatasetVersion, Upload
from workbench.runs import blobs
from workbench.runs.models import Kind, Run

ROOT = Path(__file__).parents[3]
HOSTILE = ROOT / "tests" / "data" / "hostile"
CSV = b"text,label\nI lost my card,lost card\nWhen does my card arrive?,card arrival\nCan I pay abroad?,\n"


def send(client: Client, data: bytes, name: str = "questions.csv", **more: Any) -> Any:
    return client.post(reverse("datasets:upload"), {"file": SimpleUploadedFile(name, data), **more})


def sent(client: Client, data: bytes = CSV, name: str = "questions.csv") -> Upload:
    response = send(client, data, name)
    assert response.status_code == 302, response.content.decode()
    return Upload.objects.latest("created_at")


def imported(upload: Upload, folder: Path) -> DatasetVersion:
    """What the worker does for the run of this upload: the real verb in a folder, the real commit of its outcome."""
    run = Run.objects.get(kind=Kind.IMPORT_DATASET, spec__upload=str(upload.pk))
    (folder / "input").mkdir(parents=True)
    blobs.write_to(upload.blob_id, folder / "input" / "raw")
    (folder / "params.json").write_text(json.dumps({**run.spec, "filename": upload.filename}))
    verbs.import_dataset(folder, Events(folder))
    outcome = import_dataset.collect(run, folder)
    assert outcome.commit
    outcome.commit(run, {name: blobs.put(path) for name, path in outcome.files.items()})
    return DatasetVersion.objects.get(created_by_run=run)


def page(response: Any) -> str:
    return response.content.decode()
