"""The expected gradient over the student's own tokens is that of reverse KL; gamma 0 is the plain form; every row is the
student's; no answer of the data is read."""

from __future__ import annotations

from pathlib import Path

import torch

from jobs.distill.catalog import PARTS
from tests.jobs.distill.systems.own_rows import answers, cosine, distributions, trained, values


def test_it_descends_reverse_kl() -> None:
    z, lp = distributions(500)
    lq = z.log_softmax(-1)
    part = PARTS["iw-on-policy-kd"]()
    each = part.combine([lq, lp], answers(*[1] * 500), 1.0, part.Options(gamma=0.0))
    found = torch.autograd.grad((lq.detach().exp() * each).sum(), z, retain_graph=True)[0]
    assert cosine(found, torch.autograd.grad((lq.exp() * (lq - lp)).sum(), z)[0]) > 0.9999


def test_early_tokens_weigh_one_and_gamma() -> None:
    lq, lp = torch.zeros(4), torch.tensor([1.0, -2, 0.5, 0])
    part = PARTS["iw-on-policy-kd"]()
    found = part.combine([lq, lp], answers(4), 1.0, part.Options(gamma=0.5, average="token"))
    assert torch.allclose(found, -(lp * torch.tensor([1.5, 9.5 / 7, 7.5 / 7, 1])).sum(), atol=1e-5)


def test_it_trains_on_prompts_alone(tmp_path: Path) -> None:
    found = trained(tmp_path, "on-policy-distillation")
    assert values(found, "rollout.share") == [1.0] * 4
