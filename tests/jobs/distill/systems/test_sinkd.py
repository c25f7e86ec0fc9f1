"""Matches a numpy Sinkhorn on 8x8 cost to 1e-4; invariant to permuting samples of the batch; falls in training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from jobs.distill.head import Head
from jobs.distill.objectives.features.sinkhorn import costs, transport
from tests.jobs.distill.systems.duo import losses_of, run

torch.set_num_threads(1)


def pair(n: int = 8, vocab: int = 50) -> tuple[torch.Tensor, Head, torch.Tensor, Head]:
    g = torch.Generator().manual_seed(0)
    made = [torch.randn(*size, generator=g, dtype=torch.float64) for size in ((n, 6), (vocab, 6), (n, 9), (vocab, 9))]
    return made[0].requires_grad_(), Head(made[1]), made[2], Head(made[3])


def dense(h: torch.Tensor, head: Head, h_t: torch.Tensor, other: Head, T: float) -> torch.Tensor:
    q, p = torch.softmax(head.logits(h) / T, -1), torch.softmax(other.logits(h_t) / T, -1)
    return (q[:, None] - p[None]).abs().sum(-1)


def test_it_matches_a_numpy_sinkhorn() -> None:
    W = costs(*pair(), 2.0, 3).detach().numpy()
    P = np.exp(-W / 0.1)
    for _ in range(20):
        P = P / P.sum(1, keepdims=True)
        P = P / P.sum(0, keepdims=True)
    found = transport(torch.from_numpy(W), 0.1, 20)
    assert W.shape == (8, 8) and abs(float((found.numpy() * W).sum() - (P * W).sum())) < 1e-4
    assert np.allclose(found.numpy().sum(0), 1) and np.abs(found.numpy().sum(1) - 1).max() < 0.1


def test_tiles_give_value_and_gradient_of_the_dense_version() -> None:
    h, head, h_t, other = pair()
    values, slopes = [], []
    for W in (costs(h, head, h_t, other, 2.0, 3, tile=7), dense(h, head, h_t, other, 2.0)):
        values.append((transport(W, 0.1, 20) * W).sum())
        slopes.append(torch.autograd.grad(values[-1], h)[0])
    assert torch.allclose(*values) and torch.allclose(*slopes, atol=1e-10) and slopes[0].abs().max() > 1e-3


def test_the_order_of_the_samples_does_not_matter() -> None:
    h, head, h_t, other = pair()
    mine, theirs = torch.randperm(8, generator=torch.Generator().manual_seed(1)), torch.arange(7, -1, -1)
    plain, mixed = (costs(a, head, b, other, 2.0, 4) for a, b in ((h, h_t), (h[mine], h_t[theirs])))
    a, b = ((transport(W, 0.1, 20) * W).sum() for W in (plain, mixed))
    assert torch.allclose(a, b)


def test_it_falls_in_training(tmp_path: Path) -> None:
    found = losses_of(run(tmp_path / "run", "sinkd"), "sinkhorn")
    assert len(found) == 3 and found[-1] < found[0]
