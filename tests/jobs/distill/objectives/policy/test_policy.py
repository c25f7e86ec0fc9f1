"""Golden numbers and exact gradients of the policy-gradient terms, by enumeration over small vocabularies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from jobs.distill.catalog import PARTS
from jobs.distill.objectives.policy import maths
from jobs.distill.objectives.policy.minillm import MiniLLM
from jobs.distill.objectives.sequences import Sequences

V = 500


def answers(
    *lengths: int, group: list[int] | None = None, origin: list[str] | None = None, **features: Any
) -> Sequences:
    of = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    return Sequences(
        of,
        torch.tensor(group or list(range(len(lengths)))),
        origin or ["rollout"] * len(lengths),
        torch.zeros(len(of), dtype=torch.long),
        features,
    )


def value(name: str, values: list[torch.Tensor], batch: Sequences, **options: Any) -> torch.Tensor:
    part = PARTS[name]()
    return part.combine(values, batch, 1.0, part.Options(**options))


def test_early_tokens_weigh_more_as_in_iw_opd() -> None:
    batch = answers(4, 2)
    found = maths.early_weights(torch.tensor([1, -2, 0.5, 0, 0, 0]), batch, 0.5)
    assert torch.allclose(found, torch.tensor([1.5, 1.3571, 1.0714, 1, 1, 1]), atol=1e-4)


def test_returns_are_means_of_what_follows_as_in_minillm() -> None:
    assert np.allclose(MiniLLM.returns(np.array([0.2, -0.1, 0.4])), [1 / 6, 0.15, 0.4])
    assert np.allclose(MiniLLM.returns(np.array([0.2, -0.1, 0.4]), length_norm=False), [0.5, 0.3, 0.4])


def test_minillm_whitens_over_the_whole_step_and_not_over_a_micro_batch() -> None:
    part, rows = MiniLLM(), [np.array([0.1, 0.7], np.float32), np.array([-1.0], np.float32)]
    features = [{"old_logp": r, "old_logq": np.zeros_like(r)} for r in rows]
    found = np.concatenate(part.prepare(features, part.Options())["advantage"])
    assert abs(found.mean()) < 1e-6 and abs(found.std() - 1) < 1e-6


def test_rewards_of_later_tokens_are_discounted_inside_each_answer() -> None:
    found = maths.discounted(torch.tensor([1.0, 2, 4, 8]), answers(3, 1), 0.5)
    assert found.tolist() == [1 + 1 + 1, 2 + 2, 4, 8]


@pytest.fixture(scope="module")
def two() -> tuple[torch.Tensor, torch.Tensor]:
    """Student's logits with gradient and the teacher's log-probabilities."""
    g = torch.Generator().manual_seed(0)
    z = torch.randn(V, generator=g, dtype=torch.float64).requires_grad_()
    return z, torch.randn(V, generator=g, dtype=torch.float64).mul(1.5).log_softmax(-1)


def expected_gradient(z: torch.Tensor, loss_of_each: torch.Tensor) -> torch.Tensor:
    """Mean over every token, drawn from the student, of that token's gradient."""
    q = z.detach().softmax(-1)
    return torch.autograd.grad((q * loss_of_each).sum(), z, retain_graph=True)[0]


@pytest.mark.parametrize(
    ("estimator", "wanted"), [("k1", "nothing"), ("k2", "reverse"), ("k3", "forward"), ("policy", "reverse")]
)
def test_estimators_have_these_expected_gradients(two: Any, estimator: str, wanted: str) -> None:
    z, lp = two
    lq = z.log_softmax(-1)
    exact = {
        "reverse": torch.autograd.grad((lq.exp() * (lq - lp)).sum(), z, retain_graph=True)[0],
        "forward": torch.autograd.grad((lp.exp() * (lp - lq)).sum(), z, retain_graph=True)[0],
        "nothing": torch.zeros(V, dtype=torch.float64),
    }[wanted]
    each = (lq - lp).detach() * lq if estimator == "policy" else maths.kl_estimate(lq, lp, estimator)
    assert torch.allclose(expected_gradient(z, each), exact, atol=1e-12)


def test_all_three_estimators_have_the_mean_of_the_exact_divergence(two: Any) -> None:
    z, lp = two
    lq = z.detach().log_softmax(-1)
    exact = (lq.exp() * (lq - lp)).sum()
    for which in ("k1", "k3"):
        assert torch.allclose((lq.exp() * maths.kl_estimate(lq, lp, which)).sum(), exact)


def test_on_policy_distillation_is_reverse_kl(two: Any) -> None:
    """One answer of one token for each word of the vocabulary: the mean by q of their gradients is that of KL(q || p)."""
    z, lp = two
    lq = z.log_softmax(-1)
    found = expected_gradient(z, value("on-policy-kd", [lq, lp], answers(*[1] * V)))
    exact = torch.autograd.grad((lq.exp() * (lq - lp)).sum(), z)[0]
    assert torch.allclose(found, exact, atol=1e-12)


def test_k1_as_a_loss_is_refused() -> None:
    with pytest.raises(ValidationError, match="k2"):
        PARTS["kl-estimate"].Options(estimator="k1")


def test_tokens_outside_the_clip_range_have_no_gradient() -> None:
    old = torch.full((4,), -1.0)
    lq = (old + torch.tensor([0.5, -0.5, 0.5, -0.5])).requires_grad_()  # ratios 1.65 and .61
    batch = answers(2, 2, group=[0, 0], reward=torch.tensor([1.0, 0]), old_logq=old)
    value("policy-gradient", [lq], batch, clip=0.2).sum().backward()
    assert (lq.grad != 0).tolist() == [False, True, True, False]  # better answers are clipped above, worse ones below


def test_the_anchored_ratio_without_teacher_is_the_clipped_policy_gradient() -> None:
    g = torch.Generator().manual_seed(1)
    lq, lp, old = (-torch.rand(6, generator=g) - 0.2 for _ in range(3))
    batch = answers(3, 3, group=[0, 0], reward=torch.tensor([1.0, 0]), old_logq=old)
    plain = value("policy-gradient", [lq], batch)
    assert torch.allclose(value("trust-region-ratio", [lq, lp], batch, share=0.0), plain, atol=1e-6)
    assert not torch.allclose(value("trust-region-ratio", [lq, lp], batch, share=0.5), plain, atol=1e-3)


def test_rows_of_the_data_beside_rollouts_do_not_count() -> None:
    lq, lp = torch.tensor([-1.0, -2.0, -9.0]), torch.tensor([-1.5, -1.0, -1.0])
    mixed = value("on-policy-kd", [lq, lp], answers(2, 1, origin=["rollout", "fixed"]))
    alone = value("on-policy-kd", [lq[:2], lp[:2]], answers(2))
    assert mixed.tolist() == [alone.item(), 0]


def test_the_penalty_may_skip_what_is_right_already() -> None:
    lq, lp = torch.tensor([-1.0, -2, -3]), torch.zeros(3)
    batch = answers(1, 1, 1, group=[0, 0, 1], reward=torch.tensor([1.0, 0, 0]))
    halves = [0.5, 2.0, 4.5]
    for only, wanted in (
        ("all", [(halves[0] + halves[1]) / 2, halves[2]]),
        ("wrong", [halves[1] / 2, halves[2]]),
        ("failed_groups", [0, halves[2]]),
    ):
        assert value("kl-estimate", [lq, lp], batch, only=only).tolist() == pytest.approx(wanted)


def test_minillm_adds_the_exact_next_token_part() -> None:
    lq, kl = torch.tensor([-1.0, -2.0]), torch.tensor([0.25, 0.75])
    batch = answers(2, advantage=torch.tensor([1.0, -1.0]), old_logq=lq.clone())
    alone = value("minillm", [lq], batch, single_step=False)
    both = value("minillm", [lq, kl], batch)
    assert math.isclose(float(both - alone), 0.5, abs_tol=1e-6)
