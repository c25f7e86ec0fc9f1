"""How much a channel matters: by how strongly it fires, or by what the loss would change without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .calibration import Batch, loss, predicted, states
from .widths import Inside, Scores


class _Sums:
    """Adds up what hooks see. Over the positions of a row the mean is taken, over rows the Euclidean norm, as Minitron does."""

    def __init__(self, inside: Inside) -> None:
        size, n = inside.size, len(inside.layers)
        self.hidden = torch.zeros(size.hidden, dtype=torch.float64)
        self.heads = torch.zeros(n, size.heads, dtype=torch.float64)
        self.mlp = torch.zeros(n, size.intermediate, dtype=torch.float64)
        self.inside = inside
        self.real = torch.empty(0, dtype=torch.bool)

    def squares(self, values: Tensor) -> Tensor:
        """[rows, length, C] of sizes -> [C]: squared row means, added up."""
        mask = self.real[..., None]
        means = (values.double() * mask).sum(1) / mask.sum(1)
        return means.square().sum(0).cpu()

    def see_heads(self, layer: int, x: Tensor) -> None:
        heads = x.view(*x.shape[:2], self.inside.size.heads, self.inside.head_dim)
        self.heads[layer] += self.squares(heads.double().norm(dim=-1))

    def see_mlp(self, layer: int, x: Tensor) -> None:
        self.mlp[layer] += self.squares(x.abs())

    def see_hidden(self, x: Tensor) -> None:
        self.hidden += self.squares(x.abs())

    def scores(self) -> Scores:
        layers = torch.ones(len(self.inside.layers), dtype=torch.float64)
        return Scores(self.hidden.sqrt(), self.heads.sqrt(), self.mlp.sqrt(), layers)


@contextmanager
def _hooked(inside: Inside, sums: _Sums) -> Iterator[None]:
    handles = [norm.register_forward_hook(lambda _, __, made: sums.see_hidden(made)) for norm in inside.norms]
    for i in range(len(inside.layers)):
        handles.append(inside.out(i).register_forward_pre_hook(lambda _, args, i=i: sums.see_heads(i, args[0])))
        handles.append(inside.down(i).register_forward_pre_hook(lambda _, args, i=i: sums.see_mlp(i, args[0])))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def activation_scores(model: Any, inside: Inside, batches: Sequence[Batch]) -> Scores:
    """Minitron's importances (arXiv:2407.14679): heads by the length of their output, MLP channels by what the down
    projection reads of them, hidden dimensions by what the norms give, added over the norms."""
    sums = _Sums(inside)
    with _hooked(inside, sums):
        for batch in batches:
            sums.real = batch.real
            states(model, batch)
    return sums.scores()


def gradient_scores(model: Any, inside: Inside, batches: Sequence[Batch]) -> Scores:
    """LLM-Pruner's first-order importance (arXiv:2305.11627): |w dL/dw| of every weight, added over the group that would
    be removed together."""
    parameters = list(model.parameters())
    trained = [p.requires_grad for p in parameters]
    tokens = predicted(batches)
    try:
        for p in parameters:
            p.requires_grad_(True)
        for batch in batches:
            loss(model, batch, tokens).backward()  # type: ignore[no-untyped-call]
        return _taylor(model, inside)
    finally:
        for p, before in zip(parameters, trained, strict=True):
            p.grad = None
            p.requires_grad_(before)


def _importance(module: nn.Module) -> Tensor:
    """|w g| of a weight matrix or vector."""
    weight: Any = module.weight
    return (weight.detach().double() * weight.grad.double()).abs().cpu()


def _taylor(model: Any, inside: Inside) -> Scores:
    size, dim = inside.size, inside.head_dim
    group = size.heads // size.kv_heads
    hidden = _importance(inside.embedding).sum(0)
    head: Any = model.get_output_embeddings()
    if head.weight is not inside.embedding.weight:
        hidden = hidden + _importance(head).sum(0)
    for norm in inside.norms:
        hidden = hidden + _importance(norm)
    heads, mlp = [], []
    for i, layer in enumerate(inside.layers):
        q, k, v = (_importance(layer.get_submodule(f"self_attn.{n}_proj")) for n in "qkv")
        gate, up = (_importance(layer.get_submodule(f"mlp.{n}_proj")) for n in ("gate", "up"))
        out, down = _importance(inside.out(i)), _importance(inside.down(i))
        hidden = hidden + sum(m.sum(0) for m in (q, k, v, gate, up)) + out.sum(1) + down.sum(1)
        shared = (k.sum(1) + v.sum(1)).view(size.kv_heads, dim).sum(1) / group
        own = (q.sum(1) + out.sum(0)).view(size.heads, dim).sum(1)
        heads.append(own + shared.repeat_interleave(group))
        mlp.append(gate.sum(1) + up.sum(1) + down.sum(0))
    return Scores(hidden, torch.stack(heads), torch.stack(mlp), torch.ones(len(inside.layers), dtype=torch.float64))
