"""The shape inside a run: made once, kept, scored as the base, exported so that the adapter loads on it alone."""

import json

import pytest

from jobs.distill import recipe as recipes
from jobs.distill.errors import ModelChanged
from jobs.distill.events import Events
from jobs.distill.models.folder import manifest_sha256
from jobs.distill.run import distill
from jobs.distill.session import open_session
from jobs.distill.verify import verify
from tests.jobs.distill import tiny

SHAPED = {
    "method": "word-kd",
    "student": {"model": "sample/student", "shape": {"kind": "truncate", "layers": 1}, "adapter": {"rank": 4}},
    "train": {"steps": 2, "batch_size": 6, "max_new_tokens": 4},
    "control": False,
}


def test_the_adapter_loads_on_the_exported_student_and_scores_the_same(tmp_path):
    folder = tiny.run_folder(tmp_path / "run", SHAPED)
    report = distill(folder, Events(folder))
    assert verify(folder / "adapter", folder / "student", folder / "data" / "rows.parquet").rows == 8
    base = json.loads((folder / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert base == report["student_shape"]["key"] == f"tiny-run-truncate-{manifest_sha256(folder / 'student')[:8]}"
    kept = recipes.load(folder / "adapter" / "recipe.yaml")
    assert kept.student.model == "sample/student" and kept.student.shape is not None
    assert kept.student.sha256 == manifest_sha256(tmp_path / "student")
    assert "`student/`" in (folder / "adapter" / "README.md").read_text()


def test_a_later_attempt_takes_what_an_earlier_one_made(tmp_path, monkeypatch):
    first = tiny.run_folder(tmp_path / "run", SHAPED)
    made = open_session(first, Events(first)).open("student")
    again = open_session(first, Events(first)).open("student")
    assert made.sha256 == again.sha256 != manifest_sha256(tmp_path / "student")
    monkeypatch.setenv("WB_RESUME_FROM", str(first))
    second = tiny.run_folder(tmp_path / "second", SHAPED)
    assert open_session(second, Events(second)).open("student").sha256 == made.sha256
    assert "made in an earlier attempt" in (second / "events.jsonl").read_text()


def test_a_damaged_student_is_made_again(tmp_path):
    folder = tiny.run_folder(tmp_path / "run", SHAPED)
    made = open_session(folder, Events(folder)).open("student").sha256
    (folder / "student" / "model.safetensors").write_bytes(b"torn")
    assert open_session(folder, Events(folder)).open("student").sha256 == made
    assert manifest_sha256(folder / "student") == made


def test_a_model_that_changed_is_not_shaped(tmp_path):
    folder = tiny.run_folder(tmp_path / "run", SHAPED)
    tiny.model(tmp_path / "student", 7)
    with pytest.raises(ModelChanged, match="files changed"):
        open_session(folder, Events(folder)).open("student")
