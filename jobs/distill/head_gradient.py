"""The gradient of one block of rows by the logits, put together from what the terms say of log q.

A term gives its derivative g_v by log q_T(v), either itself (`slope`) or by autograd on the reads alone; then by the logits z
it is (g - q sum_v g_v) / T. One softmax serves all terms of a temperature.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .objectives.base import Objective, Slope
from .objectives.view import View


def block_gradient(
    view: View, z: Tensor, terms: Sequence[Objective], weights: Sequence[Tensor], train: bool
) -> tuple[Tensor, Tensor | None]:
    """Weighted value of each term over n rows, [terms], and the derivative by the logits, [n, V]. weights: [n] a term."""
    by_temperature: dict[float, _Sum] = {}
    values, loss = [], None
    for term, weight in zip(terms, weights, strict=True):
        if term.closed_form(view):
            w = weight * term.weights(view)
            slope = term.part.slope(view, term.temperature, term.options)
            values.append((slope.value * w).sum())
            by_temperature.setdefault(term.temperature, _Sum()).add(slope, w)
            continue
        with torch.enable_grad():
            part = (term.value(view) * weight).sum()
            loss = part if loss is None else loss + part
        values.append(part.detach())
    if not train:
        return torch.stack(values), None
    extra = _leaf_gradients(view, loss, by_temperature)
    return torch.stack(values), _by_logits(view, by_temperature, extra, z)


class _Sum:
    """Sum over terms of weight * dl/dlog q at one temperature: dense parts, parts at ids, and its total a row."""

    def __init__(self) -> None:
        self.own: Tensor | None = None  # [n, V], already weighted
        self.shared: list[tuple[Tensor, Tensor]] = []  # ([n, V], weight [n, 1]): reads other terms use too
        self.at: list[tuple[Tensor, Tensor]] = []  # (ids, derivative), both [n, m]
        self.total: Tensor | float = 0.0
        self.constant: Tensor | float = 0.0  # the same for every id, [n]

    def add(self, slope: Slope, w: Tensor) -> None:
        if slope.dense is not None:
            total = slope.factor * slope.dense.sum(-1) if slope.total is None else slope.total
            weight = (w * slope.factor)[:, None]
            if slope.owned:
                self.add_own(slope.dense.mul_(weight))
            else:
                self.shared.append((slope.dense, weight))
        else:
            total = 0.0 if slope.total is None else slope.total
        self.total = self.total + w * total
        if slope.ids is not None and slope.sparse is not None:
            self.at.append((slope.ids, slope.sparse * w[:, None]))

    def add_own(self, g: Tensor) -> None:
        self.own = g if self.own is None else self.own.add_(g)

    def by_logits(self, q: Tensor, T: float) -> Tensor:
        """(g - q * total) / T, in q's own memory."""
        dz = q.mul_(torch.as_tensor(self.total, dtype=q.dtype, device=q.device).neg().reshape(-1, 1))
        if self.own is not None:
            dz.add_(self.own)
        for g, weight in self.shared:
            dz.addcmul_(g, weight)
        if isinstance(self.constant, Tensor):
            dz.add_(self.constant[:, None])
        for ids, g in self.at:
            dz.scatter_add_(-1, ids, g.to(dz.dtype))
        return dz.div_(T) if T != 1 else dz


def _leaf_gradients(view: View, loss: Tensor | None, sums: dict[float, _Sum]) -> Tensor | None:
    """Autograd by the reads of terms without a closed form, added to `sums`; returns what goes to the logits directly."""
    if loss is None or not view.leaves or not loss.requires_grad:
        return None
    leaves = list(view.leaves.items())
    grads = torch.autograd.grad(loss, [leaf for _, (leaf, _) in leaves], allow_unused=True)
    direct = None
    for ((kind, T, _), (_, ids)), g in zip(leaves, grads, strict=True):
        if g is None:
            continue
        if kind == "logits":
            direct = g
            continue
        at = sums.setdefault(T, _Sum())
        if kind == "lse":  # d lse / dz = q / T, the opposite sign of the shared -q * total
            at.total = at.total - g
        elif kind == "sum":  # the sum of log q over all ids
            at.constant = at.constant + g
            at.total = at.total + g * view.vocab
        elif kind == "logq":
            at.add_own(g)
            at.total = at.total + g.sum(-1)
        elif ids is not None:
            at.at.append((ids, g))
            at.total = at.total + g.sum(-1)
    return direct


def _by_logits(view: View, sums: dict[float, _Sum], direct: Tensor | None, z: Tensor) -> Tensor:
    """dz = sum over T of (g_T - q_T * total_T) / T, plus what was derived by the logits themselves."""
    out = direct
    for T, part in sums.items():
        dz = part.by_logits(view.q(T), T)
        out = dz if out is None else out.add_(dz)
    return torch.zeros_like(z) if out is None else out
