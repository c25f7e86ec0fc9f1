"""The chunked pass against the plain dense one: value, gradients, invariances, and wrong versions that must be caught."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from jobs.distill.head import DenseTeacher, Head, choose_chunk, head_pass, head_read
from jobs.distill.objectives.base import Objective
from jobs.distill.objectives.cross_entropy import CrossEntropy
from jobs.distill.objectives.forward_kl import ForwardKL
from jobs.distill.objectives.jsd import GeneralisedJSD
from jobs.distill.objectives.label_mix import LabelMix
from jobs.distill.objectives.reverse_kl import ReverseKL
from jobs.distill.objectives.reverse_skew_kl import ReverseSkewKL
from jobs.distill.objectives.skew_kl import SkewKL

from . import plain

torch.set_num_threads(1)

N, V, H, HT = 37, 50, 8, 12
CASES = [
    (CrossEntropy, plain.cross_entropy, {}),
    (ForwardKL, plain.forward_kl, {}),
    (ReverseKL, plain.reverse_kl, {}),
    (GeneralisedJSD, plain.jsd, {"beta": 0.3}),
    (SkewKL, plain.skew_kl, {"alpha": 0.1}),
    (ReverseSkewKL, plain.reverse_skew_kl, {"alpha": 0.1}),
    (ReverseSkewKL, plain.reverse_skew_kl, {"alpha": 0.3, "detach_mix": True}),
    (LabelMix, plain.label_mix, {"share": 0.3}),
]


class Toy:
    """Random states, heads, labels and row weights in float64; head rows beyond V are padding."""

    def __init__(self, seed: int = 0) -> None:
        g = torch.Generator().manual_seed(seed)

        def draw(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=g, dtype=torch.float64)

        self.h, self.W, self.b = draw(N, H), draw(V + 3, H), draw(V + 3)
        self.ht, self.Wt = draw(N, HT), draw(V + 6, HT) * 0.3
        self.y = torch.randint(0, V, (N,), generator=g)
        self.w = torch.rand(N, generator=g, dtype=torch.float64) / N

    def leaves(self) -> list[Tensor]:
        return [x.clone().requires_grad_() for x in (self.h, self.W, self.b)]

    @property
    def teacher(self) -> DenseTeacher:
        return DenseTeacher(self.ht, Head(self.Wt))

    def run(self, terms: list[Objective], cap: float | None = None, **how: object) -> tuple[Tensor, ...]:
        """Loss and its gradients by states, weight and bias, from the chunked pass."""
        h, W, b = self.leaves()
        weights = [self.w] * len(terms)
        out = head_pass(h, Head(W, b, 0.7, cap, V), terms, weights, self.y, teacher=self.teacher, **how)  # type: ignore[arg-type]
        out.loss.backward()
        return out.loss.detach(), h.grad, W.grad, b.grad

    def dense(self, formula, kw: dict, T: float, factor: float, cap: float | None) -> tuple[Tensor, ...]:
        """The same from [N, V] logits."""
        h, W, b = self.leaves()
        z = (h @ W.T + b) * 0.7
        z = (cap * torch.tanh(z / cap) if cap else z)[:, :V]
        p = torch.softmax((self.ht @ self.Wt.T)[:, :V] / T, -1)
        loss = (formula(p, torch.softmax(z / T, -1), self.y, **kw) * self.w).sum() * factor
        loss.backward()
        return loss.detach(), h.grad, W.grad, b.grad


def close(a: tuple[Tensor, ...], b: tuple[Tensor, ...], tol: float = 1e-10) -> bool:
    return all((x - y).abs().max() <= tol for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("mode", ["fused", "recompute", "tokens"])
@pytest.mark.parametrize("T,cap", [(1.0, None), (2.5, None), (1.0, 3.0)])
@pytest.mark.parametrize("part,formula,kw", CASES)
def test_it_equals_the_plain_dense_version(part, formula, kw, T, cap, mode):
    toy, term = Toy(), Objective(part(), part.Options(**kw), T, t_squared=T != 1)
    assert close(toy.run([term], cap, chunk=10, mode=mode), toy.dense(formula, kw, T, T * T, cap))


def test_it_reads_forward_only():
    toy = Toy()
    got = head_read(toy.h, Head(toy.W, toy.b, vocab=V), toy.y, temperatures=(1.0, 2.0), top_k=5, mass=0.9, entropy=True, chunk=8)
    z = (toy.h @ toy.W.T + toy.b)[:, :V]
    logp = torch.log_softmax(z, -1)
    assert torch.allclose(got.label_logp, logp.gather(-1, toy.y[:, None])[:, 0])
    assert torch.allclose(got.lse[2.0], torch.logsumexp(z / 2, -1))
    assert torch.allclose(got.entropy, -(logp.exp() * logp).sum(-1))
    assert torch.equal(got.ids.long(), z.topk(5, -1).indices)
    held = logp.exp().sort(-1, descending=True).values.cumsum(-1)
    assert torch.equal(got.count.long(), ((held < 0.9).sum(-1) + 1).clamp(max=5))


def test_it_says_why_it_chose_the_chunk():
    chunk, why = choose_chunk(5000, 151936, "cpu", 256 * 2**20)
    assert chunk == 256 * 2**20 // (151936 * 24)
    assert f"{chunk} rows x 151936" in why and "256 MiB" in why
    assert choose_chunk(5000, 4096)[0] == 512  # 8 MiB a copy
    assert choose_chunk(5000, 151936)[0] == 128
    assert choose_chunk(7, 100)[0] == 16
