"""With both weights as plain KL has them, alpha 1 and beta 1 - p(y), it is forward KL; the part among the other tokens
does not depend on how sure the teacher is of the answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.errors import PlanRefused
from jobs.distill.events import Events
from jobs.distill.head import DenseTeacher, Head
from jobs.distill.objectives.dkd import Decoupled
from jobs.distill.objectives.forward_kl import ForwardKL
from jobs.distill.objectives.view import View
from jobs.distill.plan.rules.tokens import whole_distribution
from jobs.distill.recipe import Term
from jobs.distill.run import distill
from tests.jobs.distill import tiny
from tests.jobs.distill.systems import duo

torch.set_num_threads(1)


def view(zt: torch.Tensor, z: torch.Tensor, y: torch.Tensor) -> View:
    return View(z, DenseTeacher(zt, Head(torch.eye(zt.shape[-1], dtype=zt.dtype))), y)


def test_it_is_forward_kl_where_the_rest_is_weighed_by_its_mass() -> None:
    """Zhao et al. 2022, equation 6."""
    g = torch.Generator().manual_seed(0)
    zt, z = (torch.randn(8, 30, generator=g, dtype=torch.float64) for _ in range(2))
    y = torch.arange(8)
    made = view(zt, z, y)
    answer, rest = (Decoupled().value(made, 1.0, Decoupled.Options(alpha=a, beta=b)) for a, b in ((1, 0), (0, 1)))
    mass = 1 - torch.softmax(zt, -1)[torch.arange(8), y]
    plain = ForwardKL().value(made, 1.0, ForwardKL.Options())
    assert torch.allclose(answer + mass * rest, plain, atol=1e-12)


def test_a_sure_teacher_still_passes_on_its_alternatives() -> None:
    g = torch.Generator().manual_seed(1)
    zt, z = (torch.randn(1, 30, generator=g, dtype=torch.float64) for _ in range(2))
    y, sure = torch.tensor([3]), zt.clone()
    sure[0, 3] = 60.0  # 1 - p(y) is below 1e-20
    only = Decoupled.Options(alpha=0, beta=1)
    one, other = (Decoupled().value(view(t, z, y), 1.0, only) for t in (zt, sure))
    assert one.item() == pytest.approx(other.item(), rel=1e-9) and one.item() > 0.1
    assert (1 - torch.softmax(sure, -1)[0, 3]) * other < 1e-9  # what plain KL sees of them


def test_recorded_signals_are_refused_where_it_is_asked_for_them(tmp_path: Path) -> None:
    assert whole_distribution(Term(type="dkd"), Decoupled)
    train = {"steps": 1, "batch_size": 4, "max_new_tokens": 6, "teacher": "recorded"}
    folder = tiny.run_folder(tmp_path / "run", {"method": "dkd", "train": train, "control": False}, tiny.rows(6, 0, 4))
    with pytest.raises(PlanRefused, match="whole distribution"):
        distill(folder, Events(folder))


def test_its_small_form_trains_with_the_teacher_beside_it(tmp_path: Path) -> None:
    folder = duo.run(tmp_path / "run", "dkd")
    assert len(duo.losses_of(folder, "dkd")) == 3
    (why,) = (e for e in duo.told(folder, "reason") if e["field"] == "train.teacher")
    assert why["value"] == "online" and "whole distribution" in why["why"]
