"""Selected set equals the rule on planted confidences/entropies; thresholds move with training; fewer rows, same accuracy on
toy."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch

from jobs.distill.selection.base import Read
from jobs.distill.selection.llkd import TeacherSureStudentNot
from tests.jobs.distill.systems import choosing

torch.set_num_threads(1)
METHOD, OPTIONS = TeacherSureStudentNot(), TeacherSureStudentNot.Options()


def planted(confidence: np.ndarray, entropy: np.ndarray) -> dict[str, dict[str, Read]]:
    names = [f"r{i:03d}" for i in range(len(confidence))]
    return {
        "teacher": {n: Read(-math.log(c), 1) for n, c in zip(names, confidence, strict=True)},
        "reference": {n: Read(1.0, 1, float(h)) for n, h in zip(names, entropy, strict=True)},
    }


def test_the_set_is_that_of_the_rule() -> None:
    rng = np.random.default_rng(0)
    sure, unsure = rng.uniform(0.1, 1, 60), rng.uniform(0, 3, 60)
    chosen = METHOD.choose(choosing.pool(planted(sure, unsure)), 1.0, OPTIONS)
    rule = {f"r{i:03d}" for i in range(60) if sure[i] >= sure.mean() and unsure[i] >= unsure.mean()}
    assert set(chosen.weights) == rule and 0 < len(rule) < 30


def test_fewer_rows_teach_as_much() -> None:
    """Half of the pseudo-labels are noise of which the teacher is unsure, half of the rest the student knows already: what is
    left has no wrong label, and a nearest-mean learner is as good on it as on all right labels."""
    rng = np.random.default_rng(2)
    gold = np.repeat([0, 1], 100)
    points = gold[:, None] * 2.0 - 1 + rng.normal(0, 0.7, (200, 2))
    wrong, known = np.arange(200) % 2 == 0, np.arange(200) % 4 == 1
    said = np.where(wrong, 1 - gold, gold)
    chosen = METHOD.choose(choosing.pool(planted(np.where(wrong, 0.4, 0.95), np.where(known, 0.1, 1.5))), 1.0, OPTIONS)
    rows = sorted(int(r[1:]) for r in chosen.weights)

    def accuracy(rows: list[int], labels: np.ndarray) -> float:
        middle = np.stack([points[[i for i in rows if labels[i] == c]].mean(0) for c in (0, 1)])
        return float((((points[:, None] - middle) ** 2).sum(-1).argmin(1) == gold).mean())

    assert len(rows) == 50 and not wrong[rows].any()
    assert accuracy(rows, said) >= accuracy(list(range(200)), gold) - 0.02


def test_thresholds_move_with_training(tmp_path: Path) -> None:
    folder = choosing.run(tmp_path / "run", "llkd")
    facts = [json.loads((folder / "stages" / f"{i:02d}-select" / "chosen.json").read_text())["facts"] for i in (1, 3)]
    assert facts[0]["confidence threshold"] == facts[1]["confidence threshold"]
    assert abs(facts[0]["uncertainty threshold"] - facts[1]["uncertainty threshold"]) > 1e-4
    assert len(choosing.losses(folder)) == 8
