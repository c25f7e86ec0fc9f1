"""Planted easy and hard tokens receive different ratios; each target sums to 1; ratio 0 reduces to plain KL to 1e-6."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.head import DenseTeacher, Head, RecordedTeacher
from jobs.distill.objectives.forward_kl import ForwardKL
from jobs.distill.objectives.self_evolution import SelfEvolution
from jobs.distill.objectives.view import View
from tests.jobs.distill.systems import duo

torch.set_num_threads(1)
PART = SelfEvolution()
# the teacher is sure of token 0, the answer; the student agrees at the first position and not at the second
P = [[0.9, 0.05, 0.05], [0.9, 0.05, 0.05]]
Q = [[0.9, 0.05, 0.05], [0.05, 0.9, 0.05]]


def view(recorded: int = 0, y: tuple[int, int] = (0, 0)) -> View:
    zt, z = (torch.tensor(x, dtype=torch.float64).log() for x in (P, Q))
    best = zt.topk(recorded or 1, -1)
    dense = DenseTeacher(zt, Head(torch.eye(3, dtype=torch.float64)))
    kept = RecordedTeacher(best.indices, best.values, {1.0: torch.logsumexp(zt, -1)})
    return View(z, kept if recorded else dense, torch.tensor(y))


@pytest.mark.parametrize("recorded", [0, 2])
def test_hard_tokens_get_a_larger_ratio_and_targets_sum_to_one(recorded: int) -> None:
    target, ratio, _ = PART.target(view(recorded), 1.0, PART.Options(sharpness=2.0))
    assert ratio[0] < 0.2 < 0.9 < ratio[1]
    assert torch.allclose(target.sum(-1), torch.ones(2, dtype=torch.float64), atol=1e-9)


def test_a_label_that_was_not_recorded_counts_for_the_bucket() -> None:
    target, _, _ = PART.target(view(2, (0, 2)), 1.0, PART.Options(eta=0, floor=1))
    assert target[1].tolist() == pytest.approx([0, 0, 1])


@pytest.mark.parametrize("recorded", [0, 2])
def test_without_label_and_student_in_the_target_it_is_plain_kl(recorded: int) -> None:
    ours = PART.value(view(recorded), 1.0, PART.Options(eta=1, floor=1))
    assert torch.allclose(ours, ForwardKL().value(view(recorded), 1.0, ForwardKL.Options()), atol=1e-6)


def test_without_teacher_and_student_it_is_cross_entropy() -> None:
    ours = PART.value(view(), 1.0, PART.Options(eta=0, floor=1))
    assert ours.tolist() == pytest.approx([-torch.tensor(0.9).log().item(), -torch.tensor(0.05).log().item()], abs=1e-6)


def test_its_small_form_trains(tmp_path: Path) -> None:
    found = duo.losses_of(duo.run(tmp_path / "run", "self-evolution-kd"), "self-evolution")
    assert len(found) == 3 and min(found) > 0
