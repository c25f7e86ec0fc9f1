"""With a share of 1 every row of a step is the student's own and none of the data's; with 0 the reverse; the divergence is
beta KL(p | m) + (1 - beta) KL(q | m)."""

from __future__ import annotations

from pathlib import Path

import torch

from jobs.distill.catalog import PARTS
from jobs.distill.objectives.view import View
from tests.jobs.distill.systems.own_rows import trained, values


def test_the_divergence_is_the_generalised_one() -> None:
    from jobs.distill.head import DenseTeacher, Head

    g = torch.Generator().manual_seed(1)
    z, zt = torch.randn(5, 40, generator=g), torch.randn(5, 40, generator=g)
    p, q, beta = zt.softmax(-1), z.softmax(-1), 0.3
    m = beta * p + (1 - beta) * q
    wanted = beta * (p * (p / m).log()).sum(-1) + (1 - beta) * (q * (q / m).log()).sum(-1)
    part = PARTS["jsd"]()
    found = part.value(View(z, DenseTeacher(zt, Head(torch.eye(40)))), 1.0, part.Options(beta=beta))
    assert torch.allclose(found, wanted, atol=1e-6)


def test_it_trains_on_what_the_student_wrote(tmp_path: Path) -> None:
    found = trained(tmp_path, "gkd")
    assert values(found, "rollout.share") == [1.0] * 4  # a window is one step: strictly on-policy
    assert values(found, "loss.jsd")[-1] < values(found, "loss.jsd")[0]


def test_it_trains_on_the_data_alone(tmp_path: Path) -> None:
    assert set(values(trained(tmp_path, "gkd", {"share": 0.0}), "rollout.share")) == {0.0}
