"""Relation KL is 0 for identical models; works with different hidden sizes and equal relation heads; assistant chain runs."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.distill.objectives.features.duo import Duo, made
from tests.jobs.distill.systems.duo import losses_of, run, told


def test_relations_of_identical_models_cost_nothing(tmp_path: Path) -> None:
    duo = made(tmp_path)
    with duo.student.disable_adapter():
        same = Duo(duo.student, duo.student.get_base_model(), duo.examples)
        assert abs(same.loss(same.losses("attention-relations", layers="uniform")).item()) < 1e-9
    assert duo.loss(duo.losses("attention-relations", layers="uniform", heads=8)).item() > 0.01


def test_it_trains_with_a_wider_teacher(tmp_path: Path) -> None:
    folder = run(tmp_path / "run", "minilm", layers="uniform", relation_weight=20.0)
    found = losses_of(folder, "attention-relations")
    assert len(found) == 3 and found[-1] < found[0]
    assert ("layers.attention-relations", "1:1, 2:2") in [(e["field"], e["value"]) for e in told(folder, "reason")]
