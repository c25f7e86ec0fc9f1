"""Returns of [.2, -.1, .4] are [.1667, .15, .4]; without whitening and length normalisation the expected gradient, over every
answer, is that of the reverse KL between whole answers."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import torch

from jobs.distill.objectives.policy.minillm import MiniLLM
from tests.jobs.distill.systems.own_rows import answers, trained, values

V, LENGTH = 3, 3


def test_returns() -> None:
    assert np.allclose(MiniLLM.returns(np.array([0.2, -0.1, 0.4])), [1 / 6, 0.15, 0.4])


def test_the_gradient_is_that_of_reverse_kl_over_answers() -> None:
    """Policies that depend on the place and on the token before, enumerated over all answers of three tokens."""
    g = torch.Generator().manual_seed(3)
    z = torch.randn(LENGTH, V + 1, V, generator=g, dtype=torch.float64).requires_grad_()
    lp = torch.randn(LENGTH, V + 1, V, generator=g, dtype=torch.float64).log_softmax(-1)
    lq, part = z.log_softmax(-1), MiniLLM()
    options = part.Options(whiten=False, length_norm=False, clip=0.0, average="token")
    exact = surrogate = torch.zeros((), dtype=torch.float64)
    for y in product(range(V), repeat=LENGTH):
        before = [V, *y[:-1]]
        at = (torch.arange(LENGTH), torch.tensor(before), torch.tensor(y))
        mine, teacher = lq[at], lp[at]
        rows_q, rows_p = lq[at[0], at[1]], lp[at[0], at[1]]
        features = {"old_logq": mine.detach().numpy(), "old_logp": teacher.numpy()}
        advantage = torch.from_numpy(part.prepare([features], options)["advantage"][0])
        batch = answers(LENGTH, advantage=advantage, old_logq=mine.detach())
        reverse = (rows_q.exp() * (rows_q - rows_p)).sum(-1)
        loss = part.combine([mine, reverse], batch, 1.0, options).sum()
        surrogate = surrogate + mine.detach().sum().exp() * loss
        exact = exact + mine.sum().exp() * (mine.sum() - teacher.sum())
    wanted = torch.autograd.grad(exact, z, retain_graph=True)[0]
    assert torch.allclose(torch.autograd.grad(surrogate, z)[0], wanted, atol=1e-7)


def test_it_trains(tmp_path: Path) -> None:
    found = trained(tmp_path, "minillm", {"window": 2})
    assert len(values(found, "loss.minillm")) == len(values(found, "loss.cross-entropy")) == 4
    assert 0 < np.mean(values(found, "rollout.share")) < 1
