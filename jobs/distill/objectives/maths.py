"""Shared mathematics of the terms: pure functions on log-probabilities, natural logarithms throughout.

lp, lq: log-probabilities of teacher and student, [n, M], over the same outcomes (vocabulary, or K ids and a bucket).
p / q as a ratio: r = lp - lq, [n, M].
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

ABSENT = -1e4  # log-probability of an outcome that is padding: exp is exactly 0, differences stay finite


def log1mexp(x: Tensor) -> Tensor:
    """log(1 - exp(x)) for x < 0, exact at both ends (Maechler 2012). Both branches stay finite for autograd."""
    near = x > -math.log(2)
    small = torch.where(near, x, torch.full_like(x, -1.0))
    large = torch.where(near, torch.full_like(x, -1.0), x)
    return torch.where(near, torch.log(-torch.expm1(small)), torch.log1p(-torch.exp(large)))


def with_bucket(logs: Tensor) -> Tensor:
    """[n, K] -> [n, K + 1]: appends the log of the mass that is missing, clamped one rounding error above zero."""
    mass = torch.logsumexp(logs, -1, keepdim=True).clamp(max=-torch.finfo(logs.dtype).eps)
    return torch.cat([logs, log1mexp(mass)], -1)


def renormalised(logs: Tensor) -> Tensor:
    return logs - torch.logsumexp(logs, -1, keepdim=True)


def log_mix(la: Tensor, lb: Tensor, share: float) -> Tensor:
    """log(share * a + (1 - share) * b)."""
    if share == 0:
        return lb
    if share == 1:
        return la
    return torch.logaddexp(la + math.log(share), lb + math.log1p(-share))


def kl(la: Tensor, lb: Tensor) -> Tensor:
    """KL(a || b), [n]."""
    return (la.exp() * (la - lb)).sum(-1)


def row_dot(a: Tensor, b: Tensor) -> Tensor:
    """Sum over the last axis of a * b without a copy of that size, [n]."""
    return torch.matmul(a.unsqueeze(-2), b.unsqueeze(-1)).flatten()


def log_mix_over_second(r: Tensor, share: float) -> Tensor:
    """log of (share * a + (1 - share) * b) / b where r = log(a / b); one pass, no overflow."""
    return F.softplus(r + math.log(share / (1 - share))).add_(math.log1p(-share))
