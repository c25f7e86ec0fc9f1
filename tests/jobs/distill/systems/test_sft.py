"""The loss is cross-entropy on gold answers, end token included; no teacher is read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.stages import terms_of
from tests.jobs.distill.systems import duo, plainly

torch.set_num_threads(1)


def test_the_loss_is_cross_entropy_and_reads_no_teacher(tmp_path: Path) -> None:
    model = duo.learner(tmp_path)
    rows = [duo.RENDERER.example(duo.row(q, q, a)) for q, a in plainly.ROWS]
    stage = duo.stage("sft", "fine-tune")
    ours = float(duo.shares(model, terms_of(stage), rows, stage.reduction).sum())
    lost = [-duo.log_likelihood(model, e) for e in rows]
    assert ours == pytest.approx(sum(lost) / sum(e.supervised for e in rows), abs=1e-6)


def test_its_small_form_trains(tmp_path: Path) -> None:
    assert len(duo.losses_of(duo.run(tmp_path / "run", "sft", teacher=False), "cross-entropy")) == 3
