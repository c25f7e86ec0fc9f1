"""The loss is the generalised Jensen-Shannon divergence, which is forward KL at beta 0 and reverse KL at beta 1."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.jobs.distill import plain
from tests.jobs.distill.systems import plainly

torch.set_num_threads(1)


@pytest.mark.parametrize(("beta", "formula"), [(0.0, plain.forward_kl), (0.5, plain.jsd), (1.0, plain.reverse_kl)])
def test_the_loss_is_the_divergence(tmp_path: Path, beta: float, formula: plainly.Formula) -> None:
    ours, theirs = plainly.both(tmp_path, "gkd-jsd", formula, beta=beta)
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_its_small_form_trains(tmp_path: Path) -> None:
    plainly.trains(tmp_path, "gkd-jsd", "jsd")
