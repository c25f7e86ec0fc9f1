"""Recorded signals: a teacher known only at its top k."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from jobs.distill.catalog import PARTS
from jobs.distill.errors import PlanRefused
from jobs.distill.head import Head, RecordedTeacher, head_pass, head_read
from jobs.distill.objectives.base import Objective

from .. import plain

torch.set_num_threads(1)

N, V, H, HT = 9, 40, 6, 7
DIVERGENCES = ["forward-kl", "reverse-kl", "symmetric-kl", "jsd", "skew-kl", "reverse-skew-kl", "tvd"]  # f-divergences
MORE = ["alpha-beta", "adaptive-kl", "interpolated-kl"]  # no data-processing inequality is promised for these
T = 1.5


class Toy:
    def __init__(self) -> None:
        g = torch.Generator().manual_seed(0)
        self.h, self.W = (torch.randn(*s, generator=g, dtype=torch.float64) for s in ((N, H), (V, H)))
        self.ht, self.Wt = (torch.randn(*s, generator=g, dtype=torch.float64) for s in ((N, HT), (V, HT)))
        self.y = torch.randint(0, V, (N,), generator=g)
        self.w = torch.rand(N, generator=g, dtype=torch.float64)

    def recorded(self, k: int) -> RecordedTeacher:
        got = head_read(self.ht, Head(self.Wt), temperatures=(1.0, T), top_k=k)
        return RecordedTeacher(got.ids, got.z, got.lse)

    def run(
        self, id: str, teacher: RecordedTeacher, mode: str = "fused", vocab: int = V, **options
    ) -> tuple[Tensor, ...]:
        h, W = self.h.clone().requires_grad_(), self.W.clone().requires_grad_()
        part = PARTS[id]()
        term = Objective(part, part.Options(**options), T, True)
        out = head_pass(h, Head(W, vocab=vocab), [term], [self.w], self.y, teacher=teacher, chunk=4, mode=mode)  # type: ignore[arg-type]
        out.loss.backward()
        return out.loss.detach(), h.grad, W.grad

    def slow(self, id: str, k: int, tail: str) -> tuple[Tensor, ...]:
        """From dense probabilities: K outcomes and, for the bucket, one more with what is left."""
        h, W = self.h.clone().requires_grad_(), self.W.clone().requires_grad_()
        p, q = torch.softmax(self.ht @ self.Wt.T / T, -1), torch.softmax(h @ W.T / T, -1)
        ids = (self.ht @ self.Wt.T).topk(k).indices
        pk, qk = p.gather(-1, ids), q.gather(-1, ids)
        if tail == "bucket":
            pk, qk = (torch.cat([x, 1 - x.sum(-1, keepdim=True)], -1) for x in (pk, qk))
        else:
            pk = pk / pk.sum(-1, keepdim=True)
            qk = qk / qk.sum(-1, keepdim=True) if tail == "renorm" else qk
        loss = (self.formula(id, pk, qk, q) * self.w).sum() * T * T
        loss.backward()
        return loss.detach(), h.grad, W.grad

    def formula(self, id: str, p: Tensor, q: Tensor, full_q: Tensor) -> Tensor:
        def kl(a: Tensor, b: Tensor) -> Tensor:
            return (a * (a / b).log()).sum(-1)

        m = 0.5 * p + 0.5 * q
        label = full_q.gather(-1, self.y[:, None])[:, 0].log()
        return {
            "forward-kl": lambda: kl(p, q),
            "reverse-kl": lambda: kl(q, p),
            "symmetric-kl": lambda: 0.5 * kl(p, q) + 0.5 * kl(q, p),
            "jsd": lambda: 0.5 * kl(p, m) + 0.5 * kl(q, m),
            "skew-kl": lambda: kl(p, 0.1 * p + 0.9 * q),
            "reverse-skew-kl": lambda: kl(q, 0.1 * q + 0.9 * p),
            "tvd": lambda: 0.5 * (p - q).abs().sum(-1),
            "alpha-beta": lambda: plain.alpha_beta(p, q, self.y),
            "adaptive-kl": lambda: plain.adaptive_kl(p, q, self.y),
            "interpolated-kl": lambda: plain.interpolated_kl(p, q, self.y),
            "label-mix": lambda: -0.5 * label - 0.5 * (p * q.log()).sum(-1),
        }[id]()


@pytest.mark.parametrize("mode", ["fused", "recompute"])
@pytest.mark.parametrize(
    "id,tail",
    [(id, "bucket") for id in [*DIVERGENCES, *MORE, "label-mix"]]
    + [(id, t) for id in ("forward-kl", "label-mix") for t in ("zero", "renorm")],
)
def test_it_equals_the_plain_version(id, tail, mode):
    toy = Toy()
    for ours, theirs in zip(toy.run(id, toy.recorded(5), mode, tail=tail), toy.slow(id, 5, tail), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize("id", DIVERGENCES)
def test_the_bucket_is_a_lower_bound_that_grows_with_k(id):
    """Merging outcomes never raises an f-divergence (data processing), and the whole vocabulary gives all of it."""
    toy = Toy()
    values = [toy.run(id, toy.recorded(k))[0].item() for k in (1, 4, 16, V - 1, V)]
    assert values == sorted(values)
    assert values[-2] == pytest.approx(values[-1], abs=1e-9)  # one id left out is its own bucket
    assert values[-1] == pytest.approx(toy.slow(id, V - 1, "bucket")[0].item(), abs=1e-9)


@pytest.mark.parametrize("id", [*DIVERGENCES[1:], *MORE])
@pytest.mark.parametrize("tail", ["zero", "renorm"])
def test_raw_truncation_is_refused_where_the_student_has_mass_outside(id, tail):
    with pytest.raises(ValidationError, match="leaves out the student's mass outside"):
        PARTS[id].Options(tail=tail)


@pytest.mark.parametrize("id", [*DIVERGENCES, *MORE, "label-mix"])
def test_padding_of_ragged_positions_counts_for_nothing(id):
    toy = Toy()
    short = toy.recorded(3)
    junk = RecordedTeacher(
        torch.cat([short.ids, torch.full((N, 2), -1)], 1).int(),
        torch.cat([short.z, torch.full((N, 2), 99.0)], 1).double(),
        short.lse,
        torch.arange(5).expand(N, 5) < 3,
    )
    for a, b in zip(toy.run(id, short), toy.run(id, junk), strict=True):
        assert torch.allclose(a, b, atol=1e-12)


def test_ids_beyond_the_shared_vocabulary_go_to_the_bucket():
    toy = Toy()
    full = toy.recorded(5)
    outside = RecordedTeacher(torch.where(full.ids == full.ids[:, :1], V + 3, full.ids), full.z, full.lse)
    inside = RecordedTeacher(full.ids[:, 1:], full.z[:, 1:], full.lse)
    for a, b in zip(toy.run("forward-kl", outside), toy.run("forward-kl", inside), strict=True):
        assert torch.allclose(a, b, atol=1e-12)


def test_a_position_without_any_id_stays_finite():
    toy = Toy()
    none = RecordedTeacher(torch.full((N, 2), -1), torch.zeros(N, 2).double(), toy.recorded(2).lse)
    for id in [*DIVERGENCES, *MORE, "label-mix"]:
        assert all(x.isfinite().all() for x in toy.run(id, none)), id


@pytest.mark.parametrize("id", [d for d in (*DIVERGENCES, *MORE) if d != "tvd"])  # its gradient has a kink there
def test_a_student_equal_to_its_teacher_has_nothing_to_learn(id):
    toy = Toy()
    toy.ht, toy.Wt = toy.h, toy.W
    loss, grad, _ = toy.run(id, toy.recorded(4))
    assert loss.abs() < 1e-12 and grad.abs().max() < 1e-12


def test_signals_of_another_temperature_are_refused():
    toy = Toy()
    got = toy.recorded(3)
    only_one = RecordedTeacher(got.ids, got.z, {1.0: got.lse[1.0]})
    with pytest.raises(PlanRefused, match="temperature 1.5, but its signals were recorded at 1"):
        toy.run("forward-kl", only_one)


def test_single_precision_signals_holding_all_mass_stay_finite():
    """Rounded sums may exceed one: the bucket's log mass is clamped below zero."""
    z = torch.tensor([[30.0, 0.0, -30.0]])
    teacher = RecordedTeacher(torch.tensor([[0, 1, 2]]), z, {1.0: torch.logsumexp(z, -1)})
    for id in [*DIVERGENCES, *MORE]:
        h = torch.eye(3)[:1].requires_grad_()
        out = head_pass(h, Head(torch.eye(3)), [Objective(PARTS[id]())], [torch.ones(1)], teacher=teacher)
        out.loss.backward()
        assert out.loss.isfinite() and h.grad.isfinite().all(), id
