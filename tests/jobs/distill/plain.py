"""The slow plain version of everything the head pass does: dense logits, textbook formulas, autograd. [N, V] on purpose."""

from __future__ import annotations

import torch
from torch import Tensor


def kl(a: Tensor, b: Tensor) -> Tensor:
    """KL(a || b) over the last axis from probabilities; 0 log 0 = 0."""
    return torch.where(a > 0, a * (a / b).log(), 0).sum(-1)


def forward_kl(p: Tensor, q: Tensor, y: Tensor) -> Tensor:
    return kl(p, q)


def reverse_kl(p: Tensor, q: Tensor, y: Tensor) -> Tensor:
    return kl(q, p)


def jsd(p: Tensor, q: Tensor, y: Tensor, beta: float = 0.5) -> Tensor:
    m = beta * p + (1 - beta) * q
    return beta * kl(p, m) + (1 - beta) * kl(q, m)


def skew_kl(p: Tensor, q: Tensor, y: Tensor, alpha: float = 0.1) -> Tensor:
    return kl(p, alpha * p + (1 - alpha) * q)


def reverse_skew_kl(p: Tensor, q: Tensor, y: Tensor, alpha: float = 0.1, detach_mix: bool = False) -> Tensor:
    m = alpha * q + (1 - alpha) * p
    return kl(q, m.detach() if detach_mix else m)


def cross_entropy(p: Tensor, q: Tensor, y: Tensor) -> Tensor:
    return -q.gather(-1, y[:, None])[:, 0].log()


def label_mix(p: Tensor, q: Tensor, y: Tensor, share: float = 0.5) -> Tensor:
    target = share * torch.nn.functional.one_hot(y, p.shape[-1]).to(p.dtype) + (1 - share) * p
    return -(target * q.log()).sum(-1)


def tvd(p: Tensor, q: Tensor, y: Tensor) -> Tensor:
    return (p - q).abs().sum(-1) / 2


def alpha_beta(p: Tensor, q: Tensor, y: Tensor, alpha: float = 0.2, beta: float = 0.7) -> Tensor:
    s = alpha + beta
    return -(p**alpha * q**beta - alpha / s * p**s - beta / s * q**s).sum(-1) / (alpha * beta)


def adaptive_kl(p: Tensor, q: Tensor, y: Tensor, mu: float = 0.5) -> Tensor:
    """Row by row, token by token."""
    out = []
    for pi, qi in zip(p, q, strict=True):
        head = tail = mass = torch.zeros((), dtype=p.dtype)
        for v in pi.argsort():
            mass = mass + pi[v]
            gap = (pi[v] - qi[v]).abs().detach()
            head, tail = (head, tail + gap) if mass <= mu else (head + gap, tail)
        out.append((head * kl(pi, qi) + tail * kl(qi, pi)) / (head + tail))
    return torch.stack(out)


def interpolated_kl(p: Tensor, q: Tensor, y: Tensor, t: float = 0.7) -> Tensor:
    target = q.detach() ** (1 - t) * p**t
    return kl(target / target.sum(-1, keepdim=True), q)


def confidence_penalty(p: Tensor, q: Tensor, y: Tensor) -> Tensor:
    return (q * q.log()).sum(-1)
