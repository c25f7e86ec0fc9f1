"""Shared mathematics of the terms: pure functions on log-probabilities, natural logarithms throughout.

lp, lq: log-probabilities of teacher and student, [n, M], over the same outcomes (vocabulary, or K ids and a bucket).
p / q as a ratio: r = lp - lq, [n, M].
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
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


BLOCK = 2**18  # numbers of a block of rows on CPU: a few of them fit the processor's cache


def by_rows(like: Tensor, work: Callable[[slice], Tensor]) -> Tensor:
    """Joins `work(rows)` over blocks of the rows of `like` [n, V]; on a GPU one block is best."""
    n, width = like.shape
    step = n if like.is_cuda else max(1, BLOCK // max(width, 1))
    if step >= n:
        return work(slice(None))
    return torch.cat([work(slice(i, i + step)) for i in range(0, n, step)])


def row_dot(a: Tensor, b: Tensor) -> Tensor:
    """Sum over the last axis of a * b, [n]."""
    return by_rows(a, lambda rows: (a[rows] * b[rows]).sum(-1))


def log_mix_over_second(r: Tensor, share: float, out: Tensor | None = None) -> Tensor:
    """log of (share * a + (1 - share) * b) / b where r = log(a / b): log(share * e^r + 1 - share)."""
    scaled = torch.add(r, math.log(share), out=out)
    return torch.logaddexp(scaled, scaled.new_tensor(math.log1p(-share)), out=out)


def share_of_first(r: Tensor, share: float) -> Tensor:
    """share * a / (share * a + (1 - share) * b) where r = log(a / b)."""
    return torch.add(r, math.log(share / (1 - share))).sigmoid_()
