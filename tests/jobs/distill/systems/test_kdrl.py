"""KL weight 0 gives the GRPO gradient and the reward off gives the reverse-KL gradient (cosine > .99); the k3 estimate lies
within the Monte-Carlo error of the exact KL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from jobs.distill.catalog import PARTS
from jobs.distill.objectives.policy import maths
from tests.jobs.distill.systems.own_rows import answers, cosine, distributions, trained, values

V, N = 40, 40_000


def gradient(kl: float, reward_on: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradient of the system's loss on N one-token answers in groups of 8, and the exact ones of reward and of reverse KL."""
    z, lp = distributions(V)
    lq = z.log_softmax(-1)
    y = torch.multinomial(lq.detach().exp(), N, replacement=True, generator=torch.Generator().manual_seed(1))
    reward = (y < V // 2).double() * reward_on
    batch: Any = answers(*[1] * N, group=[n // 8 for n in range(N)], reward=reward, old_logq=lq[y].detach())
    policy, penalty = PARTS["policy-gradient"](), PARTS["kl-estimate"]()
    loss = policy.combine([lq[y]], batch, 1.0, policy.Options(normalise=False)).mean()
    loss = loss + kl * penalty.combine([lq[y], lp[y]], batch, 1.0, penalty.Options()).mean()
    found = torch.autograd.grad(loss, z, retain_graph=True)[0]
    expected_reward = -(lq.exp() * (torch.arange(V) < V // 2)).sum()
    exact = [torch.autograd.grad(e, z, retain_graph=True)[0] for e in (expected_reward, (lq.exp() * (lq - lp)).sum())]
    return found, exact[0], exact[1]


def test_without_the_teacher_it_is_grpo() -> None:
    found, reward, _ = gradient(0.0, True)
    assert cosine(found, reward) > 0.99


def test_without_reward_it_is_reverse_kl() -> None:
    found, _, reverse = gradient(1.0, False)
    assert cosine(found, reverse) > 0.99


def test_k3_is_an_estimate_of_the_exact_divergence() -> None:
    z, lp = distributions(V)
    lq = z.detach().log_softmax(-1)
    exact = float((lq.exp() * (lq - lp)).sum())
    y = torch.multinomial(lq.exp(), N, replacement=True, generator=torch.Generator().manual_seed(2))
    k3 = maths.kl_estimate(lq[y], lp[y], "k3")
    assert abs(float(k3.mean()) - exact) < 4 * float(k3.std()) / N**0.5


def test_it_trains_and_the_teacher_s_weight_falls(tmp_path: Path) -> None:
    found = trained(tmp_path, "kdrl", {"samples": 2, "kl_start": 1.0, "kl_end": 0.0})
    assert values(found, "loss.kl-estimate")[0] > 0 and abs(values(found, "loss.kl-estimate")[-1]) < 1e-6
    assert len(values(found, "rollout.reward")) == 2
