"""A tiny real distillation through database, Celery worker and engine, killed on the way."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from jobs.distill import recipe as recipes
from tests.jobs.distill import tiny
from workbench.datasets.models import Dataset, DatasetVersion
from workbench.library.models import Model
from workbench.runs import actions, blobs
from workbench.runs.models import Run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

RECIPE = {
    **tiny.RECIPE,
    "teacher": {"model": "sample/tiny-teacher"},
    "student": {"model": "sample/tiny-student", "adapter": {"rank": 4, "alpha": 8}},
    "train": {"steps": 20, "batch_size": 6, "learning_rate": 0.01, "max_new_tokens": 6, "checkpoint_seconds": 0.5},
}


@pytest.fixture
def distil(tmp_path: Path, team_a, alice):
    """distil(): a queued run on tiny models with random weights and 32 rows."""
    from jobs.distill.models.folder import manifest_sha256

    for who, seed, width in (("teacher", 1, 48), ("student", 2, 32)):
        folder = tiny.model(tmp_path / who, seed, width)
        Model.objects.create(
            key=f"sample/tiny-{who}", title=who, source="sample", folder=str(folder), sha256=manifest_sha256(folder)
        )
    rows = blobs.put(tiny.write_rows(tmp_path / "rows.parquet", tiny.rows()))
    dataset = Dataset.objects.create(key="tiny", title="Tiny")
    version = DatasetVersion.objects.create(dataset=dataset, number=1, sha256=rows.sha256, rows_blob=rows)

    def start() -> Run:
        spec = recipes.parse(RECIPE).model_dump(mode="json")
        return actions.start_run("distill", team_a, alice, "Tiny run", spec, dataset_version=version)

    return start


def adapter_of(run: Run) -> str:
    return run.artifacts.get(name="adapter/adapter_model.safetensors").blob_id


def training(run: Run, step: int):
    def ask() -> bool:
        return run.metrics.filter(step__gte=step).exists()

    return ask


def engine_of(worker) -> psutil.Process:
    """The process that trains: the last of the chain worker, launcher, namespace, engine."""
    return [
        p
        for p in psutil.Process(worker.process.pid).children(recursive=True)
        if "jobs.distill" in p.cmdline() and "distill" in p.cmdline()
    ][-1]


def test_it_has_the_same_adapter_after_any_death(distil, worker, reaches, until) -> None:
    gpu = worker("gpu", OMP_NUM_THREADS="1")
    calm = reaches(distil(), "succeeded", "failed", "quarantined", seconds=180)
    assert calm.state == "succeeded", calm.error
    assert {"adapter/adapter_config.json", "report.json", "recipe.yaml", "engine.log"} <= set(
        calm.artifacts.values_list("name", flat=True)
    )
    assert set(calm.report["scores"]) == {"base", "control", "student", "teacher"}
    assert {"loss", "grad_norm"} <= set(calm.metrics.values_list("name", flat=True))

    rough = distil()
    until(training(rough, 3), 120)
    engine_of(gpu).kill()
    until(lambda: Run.objects.get(pk=rough.pk).attempt == 2 and training(rough, 8)(), 120)
    gpu.stop(signal.SIGKILL)
    worker("gpu", OMP_NUM_THREADS="1")
    reaches(rough, "succeeded", "failed", "quarantined", seconds=180)
    assert rough.state == "succeeded" and rough.attempt == 3, rough.error
    assert adapter_of(rough) == adapter_of(calm)
    until(lambda: not (Path(settings.RUNS_DIR) / str(rough.pk)).exists(), 10)


def test_it_never_loads_torch_in_the_worker(worker, until, distil, reaches) -> None:
    gpu = worker("gpu", OMP_NUM_THREADS="1")
    run = distil()
    until(training(run, 1), 120)
    assert "libtorch" not in Path(f"/proc/{gpu.process.pid}/maps").read_text()
    environ = Path(f"/proc/{engine_of(gpu).pid}/environ").read_text()
    assert all(
        secret not in environ
        for secret in ("SECRET_KEY", "DATABASE_URL", "CELERY_BROKER_URL", os.environ["SECRET_KEY"])
    )
