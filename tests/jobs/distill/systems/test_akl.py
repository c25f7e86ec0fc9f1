"""A gap among likely tokens alone makes it forward KL, a gap in the tail alone reverse KL, and it lies between them otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.head import DenseTeacher, Head
from jobs.distill.objectives.adaptive_kl import AdaptiveKL
from jobs.distill.objectives.view import View
from tests.jobs.distill import plain
from tests.jobs.distill.systems import duo

torch.set_num_threads(1)
P = torch.tensor([[0.4, 0.25, 0.15, 0.1, 0.06, 0.04]], dtype=torch.float64)  # the tail of half the mass: the last four
HEAD_GAP = torch.tensor([[0.25, 0.4, 0.15, 0.1, 0.06, 0.04]], dtype=torch.float64)
TAIL_GAP = torch.tensor([[0.4, 0.25, 0.04, 0.06, 0.1, 0.15]], dtype=torch.float64)


def value(q: torch.Tensor) -> float:
    view = View(q.log(), DenseTeacher(P.log(), Head(torch.eye(6, dtype=torch.float64))))
    return AdaptiveKL().value(view, 1.0, AdaptiveKL.Options()).item()


def test_the_gap_s_place_chooses_the_kl() -> None:
    assert value(HEAD_GAP) == pytest.approx(plain.kl(P, HEAD_GAP).item(), abs=1e-12)
    assert value(TAIL_GAP) == pytest.approx(plain.kl(TAIL_GAP, P).item(), abs=1e-12)
    both = (HEAD_GAP + TAIL_GAP) / 2
    low, high = sorted([plain.kl(P, both).item(), plain.kl(both, P).item()])
    assert low <= value(both) <= high


def test_its_small_form_trains(tmp_path: Path) -> None:
    assert len(duo.losses_of(duo.run(tmp_path / "run", "akl"), "adaptive-kl")) == 3
