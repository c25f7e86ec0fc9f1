"""A dry run through database, Celery worker and engine, and what its collector refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.errors import Transient
from jobs.results import dry_run
from tests.jobs.test_real_run import RECIPE, distil  # noqa: F401 - a fixture
from workbench.runs.models import Kind, Queue, Run


def test_it_keeps_the_figures_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "dry_run.json").write_text(json.dumps({"seconds_per_step": 0.1, "peak_memory_bytes": float("nan")}))
    (tmp_path / "engine.log").write_text("said")
    (tmp_path / "adapter").mkdir()
    outcome = dry_run.collect(Run(kind=Kind.DRY_RUN), tmp_path)
    assert outcome.report == {"seconds_per_step": 0.1, "peak_memory_bytes": None}
    assert set(outcome.files) == set(outcome.artifacts) == {"dry_run.json", "engine.log"}


def test_it_asks_for_another_attempt_when_the_figures_are_missing(tmp_path: Path) -> None:
    with pytest.raises(Transient):
        dry_run.collect(Run(kind=Kind.DRY_RUN), tmp_path)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
def test_a_worker_measures_two_real_steps(
    distil: Any,  # noqa: F811
    worker: Any,
    reaches: Any,
    team_a: Any,
    alice: Any,
) -> None:
    from workbench.runs import actions

    other = actions.cancel(distil())
    spec, version = other.spec, other.dataset_version
    run = actions.start_run(Kind.DRY_RUN, team_a, alice, "Dry run", spec, dataset_version=version)
    assert run.queue == Queue.GPU and spec["student"]["model"] == RECIPE["student"]["model"]
    worker("gpu", OMP_NUM_THREADS="1")
    done = reaches(run, "succeeded", "failed", "quarantined", seconds=120)
    assert done.state == "succeeded", done.error
    assert done.report["seconds_per_step"] > 0 and done.report["peak_memory_bytes"] > 10 * 2**20
    assert set(done.artifacts.values_list("name", flat=True)) == {"dry_run.json", "engine.log"}
