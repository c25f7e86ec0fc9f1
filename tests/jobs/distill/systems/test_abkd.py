"""The divergence of published settings (0.2, 0.7), (0.5, 0.5), (1, 1) equals its formula summed token by token; near the
corners it is forward and reverse KL; the student comes nearer to the teacher."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.distill.stages import terms_of
from tests.jobs.distill.systems import duo

torch.set_num_threads(1)
ROWS = [duo.RENDERER.example(duo.row(q, q, a)) for q, a in (("lost?", "card lost"), ("money back", "refund"))]


@pytest.mark.parametrize("a,b", [(0.2, 0.7), (0.5, 0.5), (1.0, 1.0)])
def test_it_equals_its_formula_in_numpy(tmp_path: Path, a: float, b: float) -> None:
    model, side = duo.learner(tmp_path), duo.teacher(tmp_path)
    stage = duo.stage("abkd", "distil", alpha=a, beta=b)
    ours = float(duo.shares(model, terms_of(stage), ROWS, stage.reduction, side)[0])
    total, count = 0.0, 0
    for e in ROWS:
        p, q = (np.exp(duo.dense(m, e).numpy()) for m in (side.model, model))
        total -= (p**a * q**b - a / (a + b) * p ** (a + b) - b / (a + b) * q ** (a + b)).sum() / (a * b)
        count += e.supervised
    assert ours == pytest.approx(total / count, abs=1e-6)


def test_the_student_comes_nearer(tmp_path: Path) -> None:
    model, side = duo.learner(tmp_path, double=False), duo.teacher(tmp_path, double=False)
    stage = duo.stage("abkd", "distil")
    before = duo.shares(model, terms_of(stage), ROWS, stage.reduction, side)[0]
    duo.train(model, stage, ROWS, 12, 0.02, side)
    assert duo.shares(model, terms_of(stage), ROWS, stage.reduction, side)[0] < 0.8 * before


def test_its_small_form_trains(tmp_path: Path) -> None:
    assert len(duo.losses_of(duo.run(tmp_path / "run", "abkd"), "alpha-beta")) == 3
