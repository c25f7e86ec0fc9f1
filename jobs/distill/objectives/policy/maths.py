"""Arithmetic over answers' positions, flat [N]: discounted returns, position weights, clipped ratios, estimators of KL."""

from __future__ import annotations

import torch
from torch import Tensor

from ..sequences import Sequences


def padded(x: Tensor, batch: Sequences) -> Tensor:
    """Flat positions [N] as a row an answer, zeros behind its end: [S, longest]."""
    longest = int(batch.lengths.max()) if len(x) else 0
    return x.new_zeros(batch.answers, longest).index_put((batch.of, batch.place), x)


def flat(x: Tensor, batch: Sequences) -> Tensor:
    """The way back: [S, longest] -> [N]."""
    return x[batch.of, batch.place]


def discounted(x: Tensor, batch: Sequences, discount: float) -> Tensor:
    """Sum over u >= n of discount^(u - n) x_u inside each answer, [N]."""
    if discount == 0:
        return x
    rows = padded(x, batch)
    if discount == 1:
        return flat(rows.flip(-1).cumsum(-1).flip(-1), batch)
    out, later = torch.zeros_like(rows), rows.new_zeros(len(rows))
    for n in range(rows.shape[1] - 1, -1, -1):
        later = rows[:, n] + discount * later
        out[:, n] = later
    return flat(out, batch)


def early_weights(advantage: Tensor, batch: Sequences, gamma: float) -> Tensor:
    """1 + gamma (1 - share of the answer's total |A| that lies before n): early tokens, on which all else depends, count
    more (IW-OPD). An answer whose advantages are all 0 has weight 1. [N]"""
    size = advantage.abs()
    rows = padded(size, batch)
    before = flat(rows.cumsum(-1) - rows, batch)
    total = batch.sums(size)[batch.of]
    share = torch.where(total > 0, before / total.clamp_min(1e-30), torch.ones_like(before))
    return 1 + gamma * (1 - share)


def clipped(ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """-min(rho A, clip(rho, 1 +- eps) A), [N]; clip 0: -rho A (Schulman et al. 2017, PPO)."""
    plain = -ratio * advantage
    if clip == 0:
        return plain
    return torch.maximum(plain, -ratio.clamp(1 - clip, 1 + clip) * advantage)


def kl_estimate(lq: Tensor, lp: Tensor, which: str) -> Tensor:
    """Estimators of KL(q || p) from tokens drawn from q, [N]: k1 = log q/p, k2 = (log q/p)^2 / 2, k3 = p/q - 1 - log p/q.

    As losses their expected gradients differ: that of k1 is 0, of k2 the gradient of KL(q || p), of k3 that of KL(p || q).
    """
    gap = lq - lp
    if which == "k1":
        return gap
    if which == "k2":
        return 0.5 * gap**2
    return torch.expm1(-gap) + gap


def per_group(x: Tensor, batch: Sequences, average: str) -> Tensor:
    """Position values [N] as a value a group [G]: mean or sum over each answer, mean over the group's own answers of the
    student; answers of other origins count nothing."""
    answers = batch.means(x) if average == "answer" else batch.sums(x)
    mine = batch.where("rollout").to(x.dtype)
    return batch.by_group(answers * mine) / batch.by_group(mine).clamp_min(1)


def log_ratio(lq: Tensor, batch: Sequences) -> Tensor:
    """log q - log q_old, [N]. Rows written for this very step come without the old log-probabilities: there the old policy
    is the present one, and the ratio is 1 with the gradient of log q."""
    return lq - batch.features.get("old_logq", lq.detach()).to(lq.dtype)
