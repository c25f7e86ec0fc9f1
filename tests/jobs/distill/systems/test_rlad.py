"""Mixture weight 0 reproduces the clipped GRPO loss to 1e-6; tokens outside the clip range have no gradient."""

from __future__ import annotations

from pathlib import Path

import torch

from jobs.distill.catalog import PARTS
from tests.jobs.distill.systems.own_rows import answers, trained, values


def test_without_the_teacher_it_is_the_clipped_grpo_loss() -> None:
    g = torch.Generator().manual_seed(0)
    lq, lp, old = (-torch.rand(8, generator=g) * 2 for _ in range(3))
    reward = torch.tensor([1.0, 0, 0, 1])
    batch = answers(2, 2, 2, 2, group=[0, 0, 1, 1], reward=reward, old_logq=old)
    part = PARTS["trust-region-ratio"]()
    found = part.combine([lq, lp], batch, 1.0, part.Options(share=0.0, clip=0.2))
    ratio, advantage = (lq - old).exp(), (2 * reward - 1).repeat_interleave(2)  # two answers: one above, one below
    wanted = -torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).view(2, 4).mean(-1)
    assert torch.allclose(found, wanted, atol=1e-5)


def test_tokens_outside_the_clip_range_have_no_gradient() -> None:
    old, lp = torch.full((4,), -1.0), torch.full((4,), -1.0)  # old policy and teacher agree: the anchor is theirs
    lq = (old + torch.tensor([0.5, 0.1, 0.1, -0.5])).requires_grad_()
    batch = answers(2, 2, group=[0, 0], reward=torch.tensor([1.0, 0]), old_logq=old)
    part = PARTS["trust-region-ratio"]()
    part.combine([lq, lp], batch, 1.0, part.Options(share=0.3, clip=0.2)).sum().backward()
    assert (lq.grad != 0).tolist() == [False, True, True, False]


def test_the_teacher_moves_the_anchor() -> None:
    """Where the teacher finds a rewarded token likelier than the old policy did, there is more room to rise before the clip."""
    old, lq = torch.tensor([-2.0]), torch.tensor([-1.5])
    part = PARTS["trust-region-ratio"]()
    batch = answers(1, 1, group=[0, 0], reward=torch.tensor([1.0, 0]), old_logq=old.repeat(2))
    for teacher, free in ((-0.1, True), (-2.0, False)):
        mine = lq.repeat(2).requires_grad_()
        part.combine([mine, torch.full((2,), teacher)], batch, 1.0, part.Options(share=0.5)).sum().backward()
        assert bool(mine.grad[0] != 0) == free


def test_it_trains(tmp_path: Path) -> None:
    found = trained(tmp_path, "rlad", {"samples": 2})
    assert len(values(found, "loss.trust-region-ratio")) == 4 and len(values(found, "rollout.dead")) == 2
