"""The loss is the KL of teacher and student, word by word, times T squared where asked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.jobs.distill import plain
from tests.jobs.distill.systems import plainly

torch.set_num_threads(1)


@pytest.mark.parametrize("T", [1.0, 2.0])
def test_the_loss_is_the_kl_at_the_temperature(tmp_path: Path, T: float) -> None:
    def formula(p: torch.Tensor, q: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        cold = [torch.softmax(x.log() / T, -1) for x in (p, q)]
        return T**2 * plain.forward_kl(cold[0], cold[1], y)

    ours, theirs = plainly.both(tmp_path, "word-kd", formula, temperature=T, t_squared=True, ce_weight=0.0)
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_its_small_form_trains(tmp_path: Path) -> None:
    plainly.trains(tmp_path, "word-kd", "forward-kl")
