"""What stands for the tokens that were not recorded: an even tail, random draws, the student's own support."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from jobs.distill.catalog.parts.token import TOKEN
from jobs.distill.errors import PlanRefused
from jobs.distill.head import DenseTeacher, Head, RecordedTeacher, head_pass, head_read
from jobs.distill.objectives.base import Objective
from jobs.distill.objectives.sampling import draw

from .. import plain

torch.set_num_threads(1)
N, V, H = 6, 24, 5


class Toy:
    def __init__(self) -> None:
        g = torch.Generator().manual_seed(3)
        self.h, self.W, self.zt = (torch.randn(*s, generator=g, dtype=torch.float64) for s in ((N, H), (V, H), (N, V)))
        self.y = torch.randint(0, V, (N,), generator=g)
        self.dense = DenseTeacher(self.zt, Head(torch.eye(V, dtype=torch.float64)))
        self.lse = {T: torch.logsumexp(self.zt / T, -1) for T in (1.0, 2.0)}

    def top(self, k: int, mask: torch.Tensor | None = None) -> RecordedTeacher:
        z, ids = self.zt.topk(k, -1)
        return RecordedTeacher(ids, z, self.lse, mask)

    def run(self, id: str, teacher, T: float = 1.0, mode: str = "fused", **options):
        h = self.h.clone().requires_grad_()
        part = TOKEN[id]()
        term = Objective(part, part.Options(**options), T)
        out = head_pass(
            h, Head(self.W), [term], [torch.ones(N, dtype=torch.float64)], self.y, teacher=teacher, chunk=4, mode=mode
        )  # type: ignore[arg-type]
        out.loss.backward()
        return out.loss.detach(), h.grad

    def slow(self, formula, p: torch.Tensor, T: float):
        """From probabilities of the teacher over the whole vocabulary."""
        h = self.h.clone().requires_grad_()
        loss = formula(p, torch.softmax(h @ self.W.T / T, -1)).sum()
        loss.backward()
        return loss.detach(), h.grad


@pytest.mark.parametrize("mode", ["fused", "recompute"])
@pytest.mark.parametrize("T", [1.0, 2.0])
def test_an_even_tail_is_the_teacher_with_its_missing_mass_spread_over_the_other_ids(T, mode):
    """Against the dense formula on the spread-out teacher, less the constant that its tail's own entropy is not counted."""
    toy, k = Toy(), 4
    mask = torch.arange(k).expand(N, k) < torch.tensor([[4], [3], [1], [4], [2], [4]])  # ragged positions too
    p = torch.zeros(N, V, dtype=torch.float64)
    for n in range(N):
        ids = toy.zt[n].topk(int(mask[n].sum())).indices
        p[n, ids] = torch.softmax(toy.zt[n] / T, -1)[ids]
        rest = p[n] == 0
        p[n, rest] = (1 - p[n].sum()) / rest.sum()
    expected = toy.slow(lambda a, b: plain.kl(a, b), p, T)
    for ours, theirs in zip(toy.run("forward-kl", toy.top(k, mask), T, mode, tail="uniform"), expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize("mode", ["fused", "recompute"])
@pytest.mark.parametrize("id", ["forward-kl", "label-mix"])
@pytest.mark.parametrize("tau,T", [(1.0, 1.0), (0.7, 1.0), (1.0, 2.0)])
def test_draws_with_importance_weights_have_the_full_gradient_on_average(id, tau, T, mode):
    """The expectation is taken exactly: every id once, at the rate a single draw would have, weighted by its probability."""
    toy = Toy()
    full = toy.run(id, toy.dense, T)
    proposal = torch.log_softmax(toy.zt * tau, -1)
    value, gradient = 0.0, torch.zeros_like(toy.h)
    for v in range(V):
        ids = torch.full((N, 1), v)
        one = RecordedTeacher(ids, toy.zt[:, v : v + 1], toy.lse, None, None, proposal[:, v : v + 1])
        h = toy.h.clone().requires_grad_()
        part = TOKEN[id]()
        w = proposal[:, v].exp()
        out = head_pass(
            h, Head(toy.W), [Objective(part, part.Options(tail="sampled"), T)], [w], toy.y, teacher=one, mode=mode
        )
        out.loss.backward()
        value, gradient = value + out.loss.detach(), gradient + h.grad
    assert torch.allclose(value, full[0], atol=1e-9) and torch.allclose(gradient, full[1], atol=1e-9)


def test_unweighted_draws_would_be_biased():
    """The known-wrong version: draws from a flatter proposal taken as if they were the teacher's own."""
    toy, tau = Toy(), 0.3
    p, flat = torch.softmax(toy.zt, -1), torch.softmax(toy.zt * tau, -1)
    right, wrong = toy.slow(plain.kl, p, 1.0)[1], toy.slow(plain.kl, flat, 1.0)[1]
    assert (right - wrong).abs().max() > 1e-2


def test_it_draws_ids_with_their_rates():
    z = torch.randn(2, 10, generator=torch.Generator().manual_seed(1))
    ids, rate = draw(z, 4000, 0.5, torch.Generator().manual_seed(2))
    proposal = torch.softmax(z * 0.5, -1)
    seen = torch.stack([torch.bincount(row, minlength=10) for row in ids]) / 4000
    assert (seen - proposal).abs().max() < 0.03
    assert torch.allclose(rate.exp() / 4000, proposal.gather(-1, ids), rtol=1e-5)


def test_top_tokens_and_draws_are_not_mistaken_for_each_other():
    toy = Toy()
    with pytest.raises(PlanRefused, match="hold the teacher's top tokens, which tail: sampled cannot read"):
        toy.run("forward-kl", toy.top(4), tail="sampled")
    drawn = RecordedTeacher(*(lambda t: (t.ids, t.z, t.lse))(toy.top(4)), log_rate=torch.zeros(N, 4))
    with pytest.raises(PlanRefused, match="tokens drawn at random, which tail: bucket cannot read"):
        toy.run("forward-kl", drawn)


@pytest.mark.parametrize("mode", ["fused", "recompute"])
@pytest.mark.parametrize("id", ["forward-kl", "reverse-kl", "jsd", "tvd"])
def test_the_student_s_support_compares_its_best_ids_and_a_bucket(id, mode):
    toy, k = Toy(), 5
    p, formula = torch.softmax(toy.zt, -1), getattr(plain, id.replace("-", "_"))

    def merged(a, b):
        ids = b.topk(k, -1).indices
        a, b = (torch.cat([x.gather(-1, ids), 1 - x.gather(-1, ids).sum(-1, keepdim=True)], -1) for x in (a, b))
        return formula(a, b, toy.y)

    ours = toy.run(id, toy.dense, mode=mode, tail="student_support", support=k)
    for a, b in zip(ours, toy.slow(merged, p, 1.0), strict=True):
        assert torch.allclose(a, b, atol=1e-9)
    assert ours[0] <= toy.run(id, toy.dense)[0] + 1e-9  # merging outcomes loses, never adds


def test_the_student_s_support_needs_a_teacher_that_runs():
    toy = Toy()
    with pytest.raises(PlanRefused, match="student_support reads the teacher's whole distribution"):
        toy.run("reverse-kl", toy.top(4), tail="student_support")


@pytest.mark.parametrize("id", ["dkd", "mft", "dpkd-token", "clipped-kl"])
def test_what_needs_the_whole_distribution_refuses_recorded_signals(id):
    toy = Toy()
    assert "live_teacher" in TOKEN[id].needs
    with pytest.raises(PlanRefused, match="whole distribution; recorded signals hold only some"):
        toy.run(id, toy.top(4))


@pytest.mark.parametrize("tail", ["uniform", "sampled"])
@pytest.mark.parametrize("id", ["reverse-kl", "jsd", "skew-kl", "tvd", "symmetric-kl", "self-evolution"])
def test_tails_for_expectations_under_the_teacher_are_refused_elsewhere(id, tail):
    with pytest.raises(ValidationError, match="leaves out the student's mass outside"):
        TOKEN[id].Options(tail=tail)


@pytest.mark.parametrize("mode", ["fused", "recompute"])
@pytest.mark.parametrize("id", ["symmetric-kl", "self-evolution", "top-k-cross-entropy", "earth-mover"])
def test_signals_that_hold_everything_are_as_good_as_the_teacher(id, mode):
    toy = Toy()
    got = head_read(toy.zt, toy.dense.head, top_k=V)
    everything = RecordedTeacher(got.ids, got.z, got.lse)
    for a, b in zip(toy.run(id, everything, mode=mode), toy.run(id, toy.dense, mode=mode), strict=True):
        assert torch.allclose(a, b, atol=1e-9)
