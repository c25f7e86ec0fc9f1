"""Ensemble target equals the mean of teacher probabilities to 1e-6; report shows student against each teacher over 3 seeds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.teachers.several import JointTeachers
from tests.jobs.distill.systems import duo, several
from tests.jobs.distill.teachers.test_several import rows


def test_its_target_is_the_mean_of_the_teachers_probabilities(tmp_path: Path) -> None:
    stage = duo.stage("baby-llama", "distil")
    assert [m.name for m in stage.teaching.members] == ["teacher", "second"] and stage.teaching.combine == "mean"
    teachers = [duo.teacher(tmp_path / "a"), duo.teacher(tmp_path / "b", double=False)]
    with torch.no_grad():
        for p in teachers[1].model.parameters():
            p.add_(0.02)
    teachers[1].model.double()
    micro, group = rows()
    joint = JointTeachers(teachers, [m.weight for m in stage.teaching.members], "mean").side(micro, group).vocabulary
    each = [t.side(micro, group).vocabulary.logits(261) for t in teachers]
    wanted = sum(torch.softmax(z / 2.0, -1) for z in each) / 2
    assert not torch.allclose(each[0], each[1], atol=1e-2)
    assert torch.allclose(torch.softmax(joint.logits(261, T=2.0) / 2.0, -1), wanted, atol=1e-6)


@pytest.mark.slow
def test_its_report_shows_the_student_against_each_teacher_over_three_seeds(tmp_path: Path) -> None:
    for seed in range(3):
        recipe = {"method": "baby-llama", "seed": seed, "control": False}
        report = several.run(several.folder_of(tmp_path / f"run{seed}", "second", recipe))
        assert report["seed"] == seed and report["scores"]["teacher"] and report["trained"] == ["student"]
        against = report["teachers"]["second"]
        student, other = report["scores"]["student"]["value"], against["score"]["value"]
        assert against["student_minus"]["value"] == pytest.approx(student - other)


@pytest.mark.slow
def test_its_teachers_are_recorded_one_by_one_and_meet_where_they_are_read(tmp_path: Path) -> None:
    recipe = {
        "method": "baby-llama",
        "control": False,
        "train": {"steps": 2, "batch_size": 4, "max_new_tokens": 6, "teacher": "recorded"},
    }
    folder = several.folder_of(tmp_path / "run", "second", recipe)
    report = several.run(folder)
    assert set(report["signals"]) == {"teacher", "second"} and report["signals"]["second"]["hit_rate"] == 0
    assert (folder / "signals" / "signals.json").exists() and len(list((folder / "signals").glob("*/shard-*"))) == 1
    for kept in folder.glob("stages/*"):
        assert kept.name.endswith("student")
