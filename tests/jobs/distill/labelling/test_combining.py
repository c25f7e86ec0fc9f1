"""Several teachers' soft labels: means by weight, and a policy that finds out whom to believe."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jobs.distill.batches import Limits
from jobs.distill.labelling.combining import Combine
from jobs.distill.labelling.reading import LabelExample, label_micros


def example(n: int, label: int, **soft: list[float]) -> LabelExample:
    made = {name: np.asarray([p], dtype=np.float32) for name, p in soft.items()}
    one = np.zeros(1, dtype=np.int64)
    return LabelExample(
        f"r{n}", np.asarray([5, 6], np.int32), 0, True, targets=np.asarray([label]), places=one, soft=made
    )


def of(combine: Combine, group: list[LabelExample], q: list[float]) -> torch.Tensor:
    (micro,) = label_micros(group, range(len(group)), Limits(64), 0)
    logits = torch.tensor([q] * len(group)).log()
    return combine.of([group[i] for i in micro.which], micro, logits, 0).soft


def test_means_follow_the_weights():
    group = [example(0, 0, a=[1.0, 0.0], b=[0.0, 1.0])]
    assert of(Combine(["a", "b"], [3, 1]), group, [0.5, 0.5])[0].tolist() == pytest.approx([0.75, 0.25])


def test_a_geometric_mean_is_normalised():
    group = [example(0, 0, a=[0.8, 0.2], b=[0.5, 0.5])]
    root = np.sqrt(np.asarray([0.8 * 0.5, 0.2 * 0.5]))
    found = of(Combine(["a", "b"], [1, 1], "geometric"), group, [0.5, 0.5])[0]
    assert found.tolist() == pytest.approx((root / root.sum()).tolist(), abs=1e-6)


def test_a_teacher_that_is_silent_is_left_out_of_its_row_alone():
    group = [example(0, 0, a=[0.9, 0.1]), example(1, 0, a=[0.9, 0.1], b=[0.1, 0.9])]
    found = of(Combine(["a", "b"], [1, 1]), group, [0.5, 0.5])
    assert sorted(f[0] for f in found.tolist()) == pytest.approx([0.5, 0.9])


def test_draws_do_not_depend_on_how_a_step_is_cut():
    rng = np.random.default_rng(0)
    group = [example(n, 0, a=[0.9, 0.1], b=list(rng.dirichlet([1, 1]))) for n in range(8)]
    combine = Combine(["a", "b"], [1, 1], "reinforced", seed=7)
    together, alone = {}, {}
    for limits, out in ((Limits(64), together), (Limits(1), alone)):
        for micro in label_micros(group, range(8), limits, 0):
            logits = torch.zeros(len(micro.which), 2)
            soft = combine.of([group[i] for i in micro.which], micro, logits, 3).soft
            out.update(zip(micro.which, soft.tolist(), strict=True))
    assert together == alone


def test_the_policy_comes_to_believe_the_teacher_that_helps():
    """The reward is how much the gold label's loss falls, so a random teacher loses its weight."""
    rng = np.random.default_rng(1)
    rows = []
    for n in range(64):
        label = n % 3
        good = np.full(3, 0.1) + 0.7 * np.eye(3)[label]
        rows.append(example(n, label, good=list(good), random=list(rng.dirichlet([1, 1, 1]))))
    combine = Combine(["good", "random"], [1, 1], "reinforced")
    assert combine.policy is not None
    optimizer = torch.optim.Adam(combine.policy.parameters(), lr=0.002)
    (micro,) = label_micros(rows, range(64), Limits(64), 0)
    group, logits = [rows[i] for i in micro.which], torch.zeros(64, 3)
    for step in range(60):
        optimizer.zero_grad()
        loss = combine.of(group, micro, logits, step).loss
        assert loss is not None
        loss.backward()
        optimizer.step()
    shares = combine.shares(rows, [np.zeros((1, 3), np.float32)] * 64)
    assert shares["good"] > 0.8 and sum(shares.values()) == pytest.approx(1)
