"""The enriched target sums to 1 and the gold token is its argmax from share one half on; cross-entropy against it is numpy's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.distill.stages import terms_of
from tests.jobs.distill.systems import duo

torch.set_num_threads(1)


@pytest.mark.parametrize("share", [0.5, 0.7])
def test_cross_entropy_against_the_enriched_target_is_numpy_s(tmp_path: Path, share: float) -> None:
    model, side = duo.learner(tmp_path), duo.teacher(tmp_path)
    made = [duo.RENDERER.example(duo.row(q, q, a)) for q, a in (("lost?", "card lost"), ("money back", "refund"))]
    stage = duo.stage("label-mix", "distil", share=share)
    ours = float(duo.shares(model, terms_of(stage), made, stage.reduction, side)[0])
    total, count = 0.0, 0
    for e in made:
        p, lq, y = np.exp(duo.dense(side.model, e).numpy()), duo.dense(model, e).numpy(), e.ids[e.start :]
        target = (1 - share) * p
        target[np.arange(len(y)), y] += share
        assert np.allclose(target.sum(-1), 1, atol=1e-9) and (target.argmax(-1) == y).all()
        total, count = total - (target * lq).sum(), count + len(y)
    assert ours == pytest.approx(total / count, abs=1e-6)


def test_its_small_form_trains(tmp_path: Path) -> None:
    assert len(duo.losses_of(duo.run(tmp_path / "run", "label-mix"), "label-mix")) == 3
