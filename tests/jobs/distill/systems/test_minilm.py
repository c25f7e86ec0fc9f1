"""Relation KL is 0 for identical models; works with different hidden sizes and equal relation heads; assistant chain runs."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.distill.objectives.features.duo import Duo, made
from tests.jobs.distill.systems import several
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


def test_a_chain_through_an_assistant_runs(tmp_path: Path) -> None:
    """The assistant learns the teacher's relations, the student then those of the assistant as it has become."""
    terms = [{"type": "cross-entropy"}, {"type": "attention-relations"}]
    common = {"kind": "train", "steps": 2, "batch_size": 4, "learning_rate": 0.01, "terms": terms, "rows": "labelled"}
    stages = [
        {**common, "name": "first", "learner": "assistant"},
        {**common, "name": "second", "teaching": {"members": [{"name": "assistant"}]}},
    ]
    small = {"method": None, "train": {}, "control": False, "stages": stages}
    folder = several.folder_of(tmp_path / "run", "assistant", small)
    assert several.run(folder)["trained"] == ["assistant", "student"]
    assert len(losses_of(folder, "attention-relations")) == 4
