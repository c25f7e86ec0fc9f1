"""Bound >= exact LP earth-mover distance on vocab 20; equals p*C*q to 1e-6; gradient finite in bf16."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
import torch
from torch import Tensor

from jobs.distill.head import DenseTeacher, Head, head_pass
from jobs.distill.objectives.base import Objective
from jobs.distill.objectives.earth_mover import EarthMover, EarthMoverLabel
from tests.jobs.distill.systems import duo

torch.set_num_threads(1)
V, H, UNITS = 20, 6, 200


class Toy:
    """Distributions in whole units of 1 / 200, so that the transport problem is one of integers."""

    def __init__(self, seed: int) -> None:
        g = torch.Generator().manual_seed(seed)
        self.W = torch.randn(V, H, generator=g, dtype=torch.float64)
        unit = self.W / self.W.norm(dim=-1, keepdim=True)
        self.cost = 1 - unit @ unit.T
        self.p, self.q = (self.counts(g) for _ in range(2))

    @staticmethod
    def counts(g: torch.Generator) -> Tensor:
        return torch.bincount(torch.randint(0, V, (UNITS - V,), generator=g), minlength=V) + 1

    def bound(self) -> float:
        """The term itself, where logits are the logs of the counts: h (W^T pinv) is not needed, the head is given them."""
        from jobs.distill.objectives.directions import Directions
        from jobs.distill.objectives.view import View

        zq, zp = (x.double().log()[None] for x in (self.q, self.p))
        teacher = DenseTeacher(zp, Head(torch.eye(V, dtype=torch.float64)))
        view = View(zq, teacher, directions=Directions(self.W, V))
        return float(EarthMover().value(view, 1.0, EarthMover.Options()))

    def exact(self) -> float:
        """Least cost of turning q into p, by the network simplex method on integers."""
        graph = nx.DiGraph()
        for v in range(V):
            graph.add_node(("from", v), demand=-int(self.q[v]))
            graph.add_node(("to", v), demand=int(self.p[v]))
        for u in range(V):
            for v in range(V):
                graph.add_edge(("from", u), ("to", v), weight=round(float(self.cost[u, v]) * 10**6))
        return nx.network_simplex(graph)[0] / 10**6 / UNITS


@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_an_upper_bound_of_the_exact_distance_and_equals_p_c_q(seed: int) -> None:
    toy = Toy(seed)
    p, q = toy.p.double() / UNITS, toy.q.double() / UNITS
    assert toy.bound() == pytest.approx(float(q @ toy.cost @ p), abs=1e-6)
    assert toy.bound() >= toy.exact() - 1e-5


def test_towards_one_answer_it_is_the_exact_distance() -> None:
    toy, y = Toy(2), 3
    h = torch.randn(1, H, generator=torch.Generator().manual_seed(5), dtype=torch.float64).requires_grad_()
    out = head_pass(
        h, Head(toy.W), [Objective(EarthMoverLabel())], [torch.ones(1, dtype=torch.float64)], torch.tensor([y])
    )
    q = torch.softmax(h @ toy.W.T, -1)[0]
    slow = q @ toy.cost[:, y]  # all mass has one place to go
    out.loss.backward()
    assert out.loss.item() == pytest.approx(slow.item(), abs=1e-9)
    assert torch.allclose(h.grad, torch.autograd.grad(slow, h)[0], atol=1e-9)


@pytest.mark.parametrize("mode", ["fused", "recompute"])
def test_its_gradient_is_finite_in_bfloat16_and_near_the_exact_one(mode: str) -> None:
    """A layer in half precision, with a row of zeros as padding tokens have."""
    g = torch.Generator().manual_seed(4)
    W, Wt = torch.randn(50, H, generator=g), torch.randn(50, H, generator=g)
    W[7] = 0
    h, y = torch.randn(9, H, generator=g), torch.randint(0, 50, (9,), generator=g)
    grads = []
    for dtype in (torch.bfloat16, torch.float64):
        leaf = h.to(dtype).requires_grad_()
        teacher = DenseTeacher(h.to(dtype), Head(Wt.to(dtype)))
        terms = [Objective(EarthMover()), Objective(EarthMoverLabel())]
        out = head_pass(leaf, Head(W.to(dtype)), terms, [torch.ones(9)] * 2, y, teacher=teacher, chunk=4, mode=mode)  # type: ignore[arg-type]
        out.loss.backward()
        grads.append(leaf.grad.double())
    assert grads[0].isfinite().all()
    assert (grads[0] - grads[1]).norm() < 0.05 * grads[1].norm()


def test_its_small_form_trains_without_a_teacher(tmp_path: Path) -> None:
    folder = duo.run(tmp_path / "run", "emo")
    distance = duo.losses_of(folder, "earth-mover-label")
    assert len(distance) == 3 and all(0 < x < 2 for x in distance)
