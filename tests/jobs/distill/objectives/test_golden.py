"""Golden checks of token terms: published forms of other engines as slow plain versions, and wrong versions that are caught.

The forms are those of TRL's generalised JSD, DistiLLM's losses (which leave the teacher's entropy out) and DistillKit's
sparse losses, written from their definitions.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from jobs.distill.catalog.parts.token import TOKEN
from jobs.distill.head import DenseTeacher, Head, RecordedTeacher, head_pass
from jobs.distill.objectives.base import NoOptions, Objective, Slope
from jobs.distill.objectives.forward_kl import ForwardKL

from .. import plain

torch.set_num_threads(1)
N, V, H = 12, 30, 6


class Toy:
    def __init__(self) -> None:
        g = torch.Generator().manual_seed(7)
        self.h, self.W, self.zt = (torch.randn(*s, generator=g, dtype=torch.float64) for s in ((N, H), (V, H), (N, V)))
        self.y = torch.randint(0, V, (N,), generator=g)
        self.teacher = DenseTeacher(self.zt, Head(torch.eye(V, dtype=torch.float64)))

    def run(self, term: Objective, W: Tensor | None = None, teacher: Any = None, **how: Any) -> tuple[Tensor, ...]:
        """Value, and gradients by the states and the output layer."""
        h, W = self.h.clone().requires_grad_(), (self.W if W is None else W).clone().requires_grad_()
        one = [torch.ones(N, dtype=torch.float64)]
        out = head_pass(h, Head(W), [term], one, self.y, teacher=teacher or self.teacher, **{"chunk": 4, **how})
        out.loss.backward()
        return out.loss.detach(), h.grad, W.grad

    def slow(self, loss_of: Any, T: float = 1.0) -> tuple[Tensor, ...]:
        h, W = self.h.clone().requires_grad_(), self.W.clone().requires_grad_()
        loss = loss_of(torch.log_softmax(self.zt / T, -1), torch.log_softmax(h @ W.T / T, -1)).sum()
        loss.backward()
        return loss.detach(), h.grad, W.grad


def term(id: str, T: float = 1.0, **options: Any) -> Objective:
    part = TOKEN[id]()
    return Objective(part, part.Options(**options), T)


def close(a: tuple[Tensor, ...], b: tuple[Tensor, ...], skip_value: bool = False) -> bool:
    return all(torch.allclose(x, y, atol=1e-9) for x, y in list(zip(a, b, strict=True))[skip_value:])


def far(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> bool:
    return all((x - y).abs().max() > 1e-3 for x, y in zip(a[1:], b[1:], strict=True))


@pytest.mark.parametrize("beta", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_the_jsd_is_trl_s_at_temperature_two_without_its_square(beta: float) -> None:
    def gkd(lp: Tensor, lq: Tensor) -> Tensor:
        if beta in (0, 1):
            a, b = (lq, lp) if beta == 0 else (lp, lq)
        else:
            w = torch.tensor(beta, dtype=lp.dtype)
            mix = torch.logsumexp(torch.stack([lp + w.log(), lq + (1 - w).log()]), 0)
            halves = [torch.nn.functional.kl_div(mix, x, reduction="none", log_target=True) for x in (lp, lq)]
            return beta * halves[0] + (1 - beta) * halves[1]
        return torch.nn.functional.kl_div(a, b, reduction="none", log_target=True)

    toy = Toy()
    assert close(toy.run(term("jsd", 2.0, beta=beta)), toy.slow(gkd, 2.0))


def test_distillm_leaves_the_teacher_s_entropy_out() -> None:
    """Forward types are cross-entropies there: the divergence plus a constant, so the gradient is the same."""
    toy = Toy()
    entropy = -(toy.zt.softmax(-1) * toy.zt.log_softmax(-1)).sum()
    forms = {
        "forward-kl": lambda lp, lq: -(lp.exp() * lq).sum(-1),
        "skew-kl": lambda lp, lq: -(lp.exp() * (0.1 * lp.exp() + 0.9 * lq.exp()).log()).sum(-1),
    }
    for id, form in forms.items():
        ours, theirs = toy.run(term(id)), toy.slow(form)
        assert close(ours, theirs, skip_value=True)
        assert torch.allclose(ours[0] + entropy, theirs[0], atol=1e-9)


def test_distillm_s_js_of_nine_tenths_is_the_jsd_of_one_tenth() -> None:
    """Its share is that of the student."""
    lam, toy = 0.9, Toy()

    def js(lp: Tensor, lq: Tensor) -> Tensor:
        m = ((1 - lam) * lp.exp() + lam * lq.exp()).log()
        return (1 - lam) * (lp.exp() * (lp - m)).sum(-1) + lam * (lq.exp() * (lq - m)).sum(-1)

    assert close(toy.run(term("jsd", beta=0.1)), toy.slow(js))


@pytest.mark.parametrize("id", ["forward-kl", "jsd", "tvd"])
def test_one_bucket_is_the_missing_mass_spread_in_the_same_shape_on_both_sides(id: str) -> None:
    """DistillKit's symmetric uniform treatment at T = 1: spreading both tails evenly adds what one bucket adds."""
    toy, k = Toy(), 6
    z, ids = toy.zt.topk(k, -1)
    recorded = RecordedTeacher(ids, z, {1.0: torch.logsumexp(toy.zt, -1)})
    formula = getattr(plain, id.replace("-", "_"))

    def spread(lp: Tensor, lq: Tensor) -> Tensor:
        both = []
        for x in (lp.exp(), lq.exp()):
            top = x.gather(-1, ids)
            rest = ((1 - top.sum(-1, keepdim=True)) / (V - k)).expand(-1, V - k)
            both.append(torch.cat([top, rest], -1))
        return formula(*both, toy.y)

    assert close(toy.run(term(id), teacher=recorded), toy.slow(spread))


def test_the_label_mix_without_a_label_is_forward_kl_and_a_constant() -> None:
    toy = Toy()
    assert close(toy.run(term("label-mix", share=0.0)), toy.run(term("forward-kl")), skip_value=True)
    assert close(toy.run(term("label-mix", share=1.0)), toy.run(term("cross-entropy")))


@pytest.mark.parametrize("id", [i for i in TOKEN if i not in ("z-loss",)])
def test_no_term_depends_on_chunks_or_on_the_order_of_rows(id: str) -> None:
    toy, order = Toy(), torch.randperm(N, generator=torch.Generator().manual_seed(1))
    whole = toy.run(term(id), chunk=1000)
    for how in ({"chunk": 1}, {"chunk": 5}, {"chunk": 4, "mode": "recompute"}):
        assert close(toy.run(term(id), **how), whole), how
    shuffled = Toy()
    shuffled.h, shuffled.y = toy.h[order], toy.y[order]
    shuffled.teacher = DenseTeacher(toy.zt[order], toy.teacher.head)
    value, by_h, by_W = shuffled.run(term(id))
    assert close((value, by_h, by_W), (whole[0], whole[1][order], whole[2]))


# -- wrong versions -----------------------------------------------------------------------------------------------------


class SquaredValueOnly(ForwardKL):
    """T squared in the value and not in the gradient, as one engine ships it."""

    Options = NoOptions  # type: ignore[assignment]

    def value(self, view: Any, T: float, options: Any) -> Tensor:
        kl = super().value(view, T, ForwardKL.Options())
        return kl + (T * T - 1) * kl.detach()

    def slope(self, view: Any, T: float, options: Any) -> Slope:
        slope = super().slope(view, T, ForwardKL.Options())
        slope.value = slope.value * T * T
        return slope


def test_the_square_in_the_value_alone_is_caught() -> None:
    toy, part = Toy(), TOKEN["forward-kl"]()
    right = toy.run(Objective(part, part.Options(), 2.0, True))
    for mode in ("fused", "recompute"):
        wrong = toy.run(Objective(SquaredValueOnly(), NoOptions(), 2.0), mode=mode)
        assert torch.allclose(wrong[0], right[0]) and far(wrong, right)


def test_a_vocabulary_padded_with_zero_logits_is_caught() -> None:
    """Dead rows of the output layer cut before the softmax change nothing; kept at logit 0 they take probability."""
    toy = Toy()
    padded = torch.cat([toy.W, torch.zeros(5, H, dtype=torch.float64)])
    zt = torch.cat([toy.zt, torch.zeros(N, 5, dtype=torch.float64)], -1)
    both = DenseTeacher(zt, Head(torch.eye(V + 5, dtype=torch.float64)))
    right = toy.run(term("forward-kl"))
    wrong = toy.run(term("forward-kl"), padded, both)
    assert far((wrong[0], wrong[1], wrong[2][:V]), right)


def test_a_checkpoint_that_binds_its_chunk_late_is_caught() -> None:
    """Backward then rebuilds the last chunk for every chunk: silent where the chunks divide the rows evenly."""
    toy, columns = Toy(), []
    h = toy.h.clone().requires_grad_()
    p = toy.zt.softmax(-1)
    for start in range(0, N, 4):
        rows = slice(start, start + 4)
        work = lambda x: plain.kl(p[rows], torch.softmax(x @ toy.W.T, -1))  # noqa: B023, E731
        columns.append(checkpoint(work, h[rows], use_reentrant=False))
    loss = torch.cat(columns).sum()
    loss.backward()
    right = toy.run(term("forward-kl"), mode="recompute")
    assert torch.allclose(loss.detach(), right[0]) and (h.grad - right[1]).abs().max() > 1e-3
