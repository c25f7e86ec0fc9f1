"""With one good and one random teacher the learned weight of the good one is over 0.8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.jobs.distill.labelling import small

LABELS = sorted(small.KEYS.values())


def good(label: str, n: int) -> dict[str, float]:
    return {name: 0.85 if name == label else 0.05 for name in LABELS}


def random(label: str, n: int) -> dict[str, float]:
    return dict(zip(LABELS, np.random.default_rng(n).dirichlet(np.ones(4)).tolist(), strict=True))


def test_the_policy_believes_the_good_teacher(tmp_path: Path) -> None:
    student = small.encoder(tmp_path / "bert")
    given = small.rows(24, 24, 12, {"a": random, "b": good})
    train: dict[str, Any] = {"steps": 60, "batch_size": 16, "learning_rate": 0.01}
    folder = small.run_folder(
        tmp_path / "run", student, given, method="rl-multi-teacher", options={"first": "a", "second": "b"}, train=train, control=False
    )  # fmt: skip
    report = small.run(folder)
    assert report["labelling"]["teacher_weights"]["labels"]["b"] > 0.8
    assert report["scores"]["student"]["value"] > 0.7
