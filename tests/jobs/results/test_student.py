"""A run that cut its student leaves a model that can be picked later."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.errors import ArtifactDamaged
from jobs.distill.events import Events
from jobs.distill.models.inspect import inspect_model
from jobs.distill.plan.facts import ModelFacts
from jobs.distill.run import distill
from jobs.results import distill as results
from jobs.results import student
from tests.jobs.distill import tiny
from workbench.library.models import Model
from workbench.runs import actions

pytestmark = pytest.mark.django_db

SHAPED = {
    "method": "sft",
    "teacher": None,
    "student": {"model": "sample/student", "shape": {"kind": "truncate", "layers": 1}, "adapter": {"rank": 4}},
    "train": {"steps": 2, "batch_size": 6},
}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny.run_folder(tmp_path_factory.mktemp("shaped") / "run", SHAPED)
    distill(folder, Events(folder))
    return folder


@pytest.fixture
def finished(once: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may spoil."""
    return Path(shutil.copytree(once, tmp_path / "run"))


@pytest.fixture
def run(team_a: Any, alice: Any, settings: Any, tmp_path: Path) -> Any:
    settings.MODELS_DIR = tmp_path / "models"
    return actions.start_run("distill", team_a, alice, "Shaped", {"name": "Shaped"}, queue="cpu")


def test_the_student_is_a_model_of_the_team_once(finished: Path, run: Any) -> None:
    outcome = results.collect(run, finished)
    assert {"student/model.safetensors", "student/README.md", "adapter/adapter_model.safetensors"} <= set(outcome.files)
    assert outcome.commit is not None
    for _ in range(2):  # a repeated commit renews the entry
        outcome.commit(run, {})
    model = Model.objects.get(team=run.team)
    facts = ModelFacts.model_validate(model.facts)
    assert facts.layers == 1 and facts.sha256 == model.sha256 and model.key.startswith("tiny-run-truncate-")
    assert inspect_model(Path(model.folder)).sha256 == model.sha256
    assert model.attribution.startswith("Made from sample/student")


def test_a_student_that_was_not_cut_adds_no_model(finished: Path, run: Any) -> None:
    (finished / "student.json").unlink()
    shutil.rmtree(finished / "student")
    outcome = results.collect(run, finished)
    assert outcome.commit is None and not any(n.startswith("student/") for n in outcome.files)


def test_bytes_that_changed_are_not_registered(finished: Path, run: Any) -> None:
    (finished / "student" / "config.json").write_text("{}")
    with pytest.raises(ArtifactDamaged, match="changed after the run"):
        student.keep(run, finished)
    assert not list((Path(student.settings.MODELS_DIR) / str(run.team_id)).glob("*"))
