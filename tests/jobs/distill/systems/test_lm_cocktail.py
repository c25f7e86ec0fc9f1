"""Weight 1.0 returns fine-tuned, 0 returns base exactly; sweep plots task against general score."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from jobs.distill.events import read
from jobs.distill.merging.adapters import merge_adapters
from jobs.distill.merging.factors import nothing_like
from jobs.distill.merging.linear import Linear
from tests.jobs.distill import tiny
from tests.jobs.distill.systems import merging


@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_the_ends_are_exact(weight: float) -> None:
    tuned = merging.planted(1)
    got = merge_adapters([tuned, nothing_like(tuned)], Linear(), lambda _: [weight, 1 - weight], None)
    for name, update in merging.updates(got.factors).items():
        assert torch.equal(update, weight * merging.updates(tuned)[name])
    assert got.lost == 0


def test_its_small_form_weakens_the_tuned_adapter(tmp_path: Path) -> None:
    folder = merging.run(tmp_path / "run", "lm-cocktail", weight=0.25)
    tuned = merging.updates(merging.stage(folder, "00-student"))
    config, got = merging.exported(folder)
    merging.close(got, {n: 0.25 * t for n, t in tuned.items()})
    assert config["r"] == 4 and set(merging.note(folder, "01-merge")["scores"]) == {"tuned", "base", "cocktail"}


def test_a_sweep_tells_every_value_and_keeps_the_best(tmp_path: Path) -> None:
    train = {
        "kind": "train",
        "name": "tuned",
        "steps": 4,
        "batch_size": 6,
        "learning_rate": 0.01,
        "terms": [{"type": "cross-entropy"}],
    }
    merge = {"kind": "merge", "parents": ["tuned", "base"], "sweep": [0.0, 0.5, 1.0]}
    recipe = {"method": None, "train": {}, "teacher": None, "control": False, "stages": [train, merge]}
    folder = tiny.run_folder(tmp_path / "run", recipe, tiny.rows(12, 0, 2))
    listed = json.loads((folder / "models.json").read_text())
    (folder / "models.json").write_text(json.dumps({**listed, "teacher": None}))
    merging.finish(folder)
    told = [
        e["values"] for e in read(folder / "events.jsonl") if e["type"] == "metric" and "merge.value" in e["values"]
    ]
    tried = {v["merge.value"]: v["merge.bits"] for v in told}
    scores = merging.note(folder, "01-merge")["scores"]
    assert tried[0.0] == scores["base"] and tried[1.0] == scores["tuned"] and scores["merge"] == min(tried.values())
