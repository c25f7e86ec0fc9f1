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


def symmetric_kl(p: Tensor, q: Tensor, y: Tensor, gamma: float = 0.5) -> Tensor:
    return gamma * kl(p, q) + (1 - gamma) * kl(q, p)


def dkd(p: Tensor, q: Tensor, y: Tensor, alpha: float = 1.0, beta: float = 8.0) -> Tensor:
    """Row by row, with the label's token cut out (Zhao et al. 2022, equation 7)."""
    out = []
    for pi, qi, yi in zip(p, q, y.tolist(), strict=True):
        coins = [torch.stack([x[yi], 1 - x[yi]]) for x in (pi, qi)]
        rest = [torch.cat([x[:yi], x[yi + 1 :]]) / (1 - x[yi]) for x in (pi, qi)]
        out.append(alpha * kl(*coins) + beta * kl(*rest))
    return torch.stack(out)


def mft(p: Tensor, q: Tensor, y: Tensor, tau: float = 0.1) -> Tensor:
    out = []
    for pi, qi, yi in zip(p, q, y.tolist(), strict=True):
        target = pi.clone()
        if pi.argmax() != yi:
            gap = pi.max() - pi[yi]
            kappa = (gap + tau) / (1 + gap)
            target = (1 - kappa) * pi
            target[yi] += kappa
        out.append(-(target * qi.log()).sum())
    return torch.stack(out)


def dpkd_token(p: Tensor, q: Tensor, y: Tensor, beta: float = 1.0, loss: str = "sigmoid") -> Tensor:
    out = []
    for pi, qi in zip(p, q, strict=True):
        a, b = int(pi.argmax()), int(qi.argmax())
        margin = (qi[a] / qi[b]).log() - (pi[a] / pi[b]).log()
        out.append((margin - 1 / (2 * beta)) ** 2 if loss == "ipo" else -(1 / (1 + (-beta * margin).exp())).log())
    return torch.stack(out)


def self_evolution(
    p: Tensor, q: Tensor, y: Tensor, eta: float = 0.5, floor: float = 0.0, sharpness: float = 1.0
) -> Tensor:
    mixture = eta * p + (1 - eta) * torch.nn.functional.one_hot(y, p.shape[-1]).to(p.dtype)
    ratio = floor + (1 - floor) * (1 - (-sharpness * kl(mixture, q.detach())).exp())
    return kl(ratio[:, None] * mixture + (1 - ratio[:, None]) * q.detach(), q)


def clipped_kl(p: Tensor, q: Tensor, y: Tensor, keep: float = 0.95, skip: float = 0.0, softness: float = 0.1) -> Tensor:
    """Token by token down to the mass that is kept, each edge a logistic curve in log p."""
    out = []
    for pi, qi in zip(p, q, strict=True):
        low = high = None
        mass = 0.0
        for x in sorted(pi.tolist(), reverse=True):
            if mass < keep:
                low = x
            if mass >= skip and high is None:
                high = x
            mass += x
        weight = torch.sigmoid((pi / low).log() / softness)
        if skip > 0:
            weight = weight * torch.sigmoid((high / pi).log() / softness)
        out.append(kl(weight * pi / (weight * pi).sum(), weight * qi / (weight * qi).sum()))
    return torch.stack(out)


def top_k_cross_entropy(p: Tensor, q: Tensor, y: Tensor, k: int = 16) -> Tensor:
    best = p.topk(k, -1)
    return -(best.values / best.values.sum(-1, keepdim=True) * q.gather(-1, best.indices).log()).sum(-1)
