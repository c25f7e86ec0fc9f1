"""A teacher that is corrected first: scored as it has become, its signals named by its adapter, out of memory meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.events import Events
from jobs.distill.run import distill
from jobs.distill.session import open_session
from jobs.distill.stages import begin
from tests.jobs.distill import tiny

TRAIN = {"kind": "train", "steps": 4, "batch_size": 4, "learning_rate": 0.02}
STAGES = [
    {**TRAIN, "name": "correct", "learner": "teacher", "rows": "labelled", "terms": [{"type": "cross-entropy"}]},
    {**TRAIN, "name": "distil", "rows": "labelled", "teacher": "recorded", "terms": [{"type": "forward-kl"}]},
]
RECIPE = {"method": None, "train": {}, "stages": STAGES, "control": False, "evaluation": {"metric": "bits_per_byte"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.run_folder(tmp_path / "run", RECIPE, tiny.rows(labelled=8, unlabelled=0, heldout=4))


def test_the_report_has_the_corrected_teacher_and_what_it_was_before(folder: Path) -> None:
    events = Events(folder)
    report = distill(folder, events)
    events.close()
    assert report["trained"] == ["teacher", "student"]
    before = report["teachers"]["teacher before training"]["score"]["value"]
    assert report["scores"]["teacher"]["value"] < before  # bits: less is better
    (kept,) = (folder / "signals").glob("*/signals.json")
    raw = json.loads((folder / "models.json").read_text())["teacher"]["sha256"]
    assert json.loads(kept.read_text())["teacher"] != raw


def test_who_learnt_leaves_the_memory_and_comes_back_the_same(folder: Path) -> None:
    events = Events(folder)
    work = begin(open_session(folder, events))
    teacher = work.learner("teacher")
    moved = {n: t + 0.5 for n, t in teacher.start.items()}
    teacher.load(moved)
    teacher.trained = True
    named = work.teacher_sha256()
    work.drop_teacher()
    assert set(work.learners) == {"student"} and not work.teachers and work.teacher_sha256() == named
    work.open_teacher()
    assert work.learnt("teacher") and work.teacher_sha256() == named
    assert all((t == moved[n]).all() for n, t in work.learner("teacher").adapter().items())
    events.close()
