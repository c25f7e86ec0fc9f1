"""First values of LoRA's factors, from the base's weights or from a few rows. The base is never changed (see variants).

W [outputs, inputs] with update s B A, so a wanted first product D is written as B0 A0 = D / s.
PiSSA: Meng et al. 2024, arXiv:2404.02948. OLoRA: Büyükakyüz 2024, arXiv:2406.01775. EVA: Paischer et al. 2024,
arXiv:2410.07170. CorDA: Yang et al. 2024, arXiv:2406.05223. LoRA-GA: Wang et al. 2024, arXiv:2407.05000.
LoftQ: Li et al. 2023, arXiv:2310.08659, see `_from_rounding`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from ..four_bit import dense
from .variants import NAME, Shifted, layers

Rows = Sequence[tuple[Tensor, Tensor]]  # token ids [length] and labels [length], -100 where nothing is asked for
PREFIX = "base_model.model."  # what peft puts before the names of the base's modules
RIDGE = 1e-6  # of the mean diagonal: keeps a covariance of few tokens invertible


def set_first_values(
    model: Any,
    start: str,
    rows: Callable[[], Rows] | None,
    targets: set[str],
    whole: Callable[[], Mapping[str, nn.Module]] | None = None,
) -> None:
    """Fills A and B of the layers whose leaf names are in `targets`. `rows` is asked only by starts that look at rows, `whole`
    (the base's modules in full precision, by name) only by loftq."""
    found = {n: m for n, m in layers(model).items() if n.rsplit(".", 1)[-1] in targets}
    if start == "loftq":
        if whole is None:
            raise ValueError("first values of kind loftq need the base in full precision, and it was not given")
        modules = whole()
        for name, layer in found.items():
            down, up = _from_rounding(layer, _full(modules[name.removeprefix(PREFIX)]))
            _copy(layer.lora_A[NAME].weight, down)
            _copy(layer.lora_B[NAME].weight, up)
        return
    if start in ("pissa", "olora"):
        for layer in found.values():
            _shift(layer, *_from_weight(layer, start))
        return
    if rows is None:
        raise ValueError(f"first values of kind {start} need rows, and none were given")
    at_hand = rows()
    if start == "lora_ga":
        for layer, gradient in zip(found.values(), gradients(model, list(found.values()), at_hand), strict=True):
            _shift(layer, *_from_gradient(layer, gradient))
        return
    seen = covariances(model, list(found.values()), at_hand)
    for layer, covariance in zip(found.values(), seen, strict=True):
        if start == "corda":
            _shift(layer, *_from_covariance(layer, covariance))
        else:  # eva: A reads the directions in which the inputs vary most, B stays zero
            vectors = torch.linalg.eigh(covariance).eigenvectors.flip(1)
            _copy(layer.lora_A[NAME].weight, vectors[:, : layer.r[NAME]].T)


def _weight(layer: Any) -> Tensor:
    """[outputs, inputs] in float32."""
    return _full(layer.get_base_layer())


def _full(base: Any) -> Tensor:
    weight = dense(base)
    return (weight.T if isinstance(base, Conv1D) else weight).detach().float()


def _from_rounding(layer: Any, weight: Tensor) -> tuple[Tensor, Tensor]:
    """The largest components of W - Q, so that Q + s B A is the nearest to W that this rank allows.

    One round of the paper's alternation: further rounds would quantise W - s B A, a base that nobody else has, while this
    adapter belongs to the 4-bit base that any loader makes of the model's own files.
    """
    rank = layer.r[NAME]
    lost = weight.to(layer.lora_A[NAME].weight.device) - _weight(layer)
    u, s, vh = torch.linalg.svd(lost, full_matrices=False)
    root = (s[:rank] / layer.scaling[NAME]).sqrt()
    return root[:, None] * vh[:rank], u[:, :rank] * root


def _from_weight(layer: Any, start: str) -> tuple[Tensor, Tensor]:
    rank, weight = layer.r[NAME], _weight(layer)
    if start == "olora":
        q, r = torch.linalg.qr(weight)
        return r[:rank] / layer.scaling[NAME], q[:, :rank]
    u, s, vh = torch.linalg.svd(weight, full_matrices=False)
    root = (s[:rank] / layer.scaling[NAME]).sqrt()
    return root[:, None] * vh[:rank], u[:, :rank] * root


def _from_covariance(layer: Any, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """The largest components of W C, brought back by C^-1: those the rows use most (the instruction-previewed form)."""
    rank = layer.r[NAME]
    u, s, vh = torch.linalg.svd(_weight(layer) @ covariance, full_matrices=False)
    root = (s[:rank] / layer.scaling[NAME]).sqrt()
    back = torch.linalg.solve(covariance, vh[:rank].T).T
    return root[:, None] * back, u[:, :rank] * root


def _from_gradient(layer: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """A from the gradient's first r right vectors, B from its next r left ones, so that the first step of the product
    follows the gradient; both of the length the paper calls stable, with gamma 16."""
    rank, gamma = layer.r[NAME], 16.0
    u, _, vh = torch.linalg.svd(gradient, full_matrices=False)
    size = len(_weight(layer)) ** 0.25 / gamma**0.5
    second = u[:, rank : 2 * rank] if u.shape[1] >= 2 * rank else u[:, :rank]
    return vh[:rank] * size, second * size


def _shift(layer: Any, down: Tensor, up: Tensor) -> None:
    a, b = layer.lora_A[NAME].weight, layer.lora_B[NAME].weight
    _copy(a, down)
    _copy(b, up)
    layer.lora_variant[NAME] = Shifted(a.detach().clone(), b.detach().clone())


@torch.no_grad()
def _copy(parameter: Tensor, values: Tensor) -> None:
    """Fewer directions than the rank leave zeros."""
    parameter.zero_()
    parameter[: values.shape[0], : values.shape[1]].copy_(values)


@torch.no_grad()
def covariances(model: Any, wanted: list[Any], rows: Rows) -> list[Tensor]:
    """X^T X / tokens of each layer's input over the rows, with a small ridge, [inputs, inputs] in float32."""
    sums: dict[int, Tensor] = {}
    tokens = 0

    def keep(layer: Any, args: tuple[Tensor, ...]) -> None:
        x = args[0].detach().float().flatten(0, -2)
        sums[id(layer)] = sums.get(id(layer), 0) + x.T @ x

    hooks = [layer.register_forward_pre_hook(keep) for layer in wanted]
    try:
        for ids, _ in rows:
            model(input_ids=ids[None].to(model.device), use_cache=False)
            tokens += len(ids)
    finally:
        for hook in hooks:
            hook.remove()
    out = [sums[id(layer)] / tokens for layer in wanted]
    return [c + torch.eye(len(c), device=c.device) * RIDGE * c.diagonal().mean() for c in out]


def gradients(model: Any, wanted: list[Any], rows: Rows) -> list[Tensor]:
    """Mean gradient of the cross-entropy by each layer's weight, [outputs, inputs]; the weights stay frozen: the gradient
    is put together from what goes in and what comes back, so that no weight needs one of its own."""
    sums: dict[int, Tensor] = {}
    hooks = [layer.register_forward_hook(_collect(sums)) for layer in wanted]
    try:
        with torch.enable_grad():
            for ids, labels in rows:
                model(input_ids=ids[None].to(model.device), labels=labels[None].to(model.device)).loss.backward()
    finally:
        for hook in hooks:
            hook.remove()
        model.zero_grad(set_to_none=True)
    return [sums[id(layer)] / len(rows) for layer in wanted]


def _collect(sums: dict[int, Tensor]) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def after(layer: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        x = args[0].detach().float().flatten(0, -2)

        def back(gradient: Tensor) -> None:
            sums[id(layer)] = sums.get(id(layer), 0) + gradient.detach().float().flatten(0, -2).T @ x

        if output.requires_grad:
            output.register_hook(back)

    return after
