"""Token weights: their numbers, no gradient of their own, the same in every mode of the head pass."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from torch import Tensor

from jobs.distill.catalog import objective
from jobs.distill.catalog.parts import WEIGHTINGS
from jobs.distill.errors import RecipeInvalid
from jobs.distill.head import DenseTeacher, Head, head_pass, head_read
from jobs.distill.objectives.view import RecordedTeacher, View
from jobs.distill.recipe import Term

torch.set_num_threads(1)
P, Q = [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]


def of(id: str, **options) -> float:
    z, zt = (torch.tensor([x], dtype=torch.float64).log() for x in (Q, P))
    view = View(z, DenseTeacher(zt, Head(torch.eye(3, dtype=torch.float64))), torch.tensor([2]))
    part = WEIGHTINGS[id]()
    return part.value(view, part.Options(**options)).item()


@pytest.mark.parametrize(
    "id,options,expected",
    [
        ("teacher-entropy", {}, 1 - 1.5 * log(2) / log(3)),  # H(p) = 1/2 log 2 + 1/2 log 4
        ("teacher-entropy", {"prefer": "unsure", "power": 2}, (1.5 * log(2) / log(3)) ** 2),
        ("student-difficulty", {"gamma": 3}, 0.5**3),
        ("kl-gap", {"scale": 2}, 1 - exp(-0.25 * log(2) / 2)),
        ("confidence-and-need", {"confidence": 2, "need": 1}, 0.5**2 * 0.75),
    ],
)
def test_it_gives_the_number_worked_by_hand(id, options, expected):
    assert of(id, **options) == pytest.approx(expected, abs=1e-12)


class Toy:
    def __init__(self) -> None:
        g = torch.Generator().manual_seed(0)
        self.h, self.W = (torch.randn(*s, generator=g, dtype=torch.float64) for s in ((11, 5), (30, 5)))
        self.ht, self.Wt = (torch.randn(*s, generator=g, dtype=torch.float64) for s in ((11, 6), (30, 6)))
        self.y = torch.randint(0, 30, (11,), generator=g)
        self.w = torch.rand(11, generator=g, dtype=torch.float64)
        self.teacher = DenseTeacher(self.ht, Head(self.Wt))

    def run(self, term: Term, teacher=None, mode: str = "fused", chunk: int = 4, w: Tensor | None = None):
        h = self.h.clone().requires_grad_()
        w = self.w if w is None else w
        out = head_pass(
            h, Head(self.W), [objective(term)], [w], self.y, teacher=teacher or self.teacher, chunk=chunk, mode=mode
        )  # type: ignore[arg-type]
        out.loss.backward()
        return out.loss.detach(), h.grad

    def weights(self, id: str) -> Tensor:
        part = WEIGHTINGS[id]()
        return part.value(View(self.h @ self.W.T, self.teacher, self.y), part.Options())


@pytest.mark.parametrize("type", ["forward-kl", "cross-entropy", "dkd"])  # closed forms and autograd
@pytest.mark.parametrize("id", WEIGHTINGS)
def test_value_and_gradient_are_those_of_rows_weighted_by_constants(type, id):
    """A weight that reached the value alone, or carried a gradient of its own, would differ."""
    toy = Toy()
    weighted, plain = Term(type=type, weighting={"type": id}), Term(type=type)
    expected = toy.run(plain, w=toy.w * toy.weights(id))
    for mode, chunk in (("fused", 4), ("fused", 100), ("recompute", 3)):
        for ours, theirs in zip(toy.run(weighted, mode=mode, chunk=chunk), expected, strict=True):
            assert torch.allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("id", WEIGHTINGS)
def test_it_reads_recorded_signals_that_hold_everything_as_it_reads_the_teacher(id):
    toy, term = Toy(), Term(type="cross-entropy", weighting={"type": id})
    got = head_read(toy.ht, Head(toy.Wt), top_k=30)
    for ours, theirs in zip(toy.run(term, RecordedTeacher(got.ids, got.z, got.lse)), toy.run(term), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-9)


def test_an_unknown_weight_is_refused_with_the_nearest_name():
    with pytest.raises(RecipeInvalid, match="no token weight 'teacher-entrop'. Did you mean teacher-entropy"):
        objective(Term(type="forward-kl", weighting={"type": "teacher-entrop"}))
    with pytest.raises(RecipeInvalid, match="unknown option of kl-gap; its options: scale"):
        objective(Term(type="forward-kl", weighting={"type": "kl-gap", "options": {"size": 1}}))


def test_a_term_over_answers_takes_no_token_weight():
    with pytest.raises(RecipeInvalid, match="no sum over tokens"):
        objective(Term(type="dpo", weighting={"type": "student-difficulty"}))
