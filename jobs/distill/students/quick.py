"""Writing with an adapter without paying for its bookkeeping: one token at a time, a LoRA layer is mostly Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import Tensor


@contextmanager
def quick_adapter(model: Any) -> Iterator[None]:
    """Inside, plain LoRA layers compute x W + (x A)(s B) in three products and nothing else; the adapter stays unmerged.

    Layers with dropout on, DoRA, several adapters or an adapter that is switched off are left as they are. Only for
    forwards without gradient.
    """
    plain = [m for m in model.modules() if type(m) is LoraLinear and "forward" not in vars(m)]
    quick = [(m, forward) for m in plain if (forward := _quick(m)) is not None]
    try:
        for module, forward in quick:
            module.forward = forward  # type: ignore[method-assign]
        yield
    finally:
        for module, _ in quick:
            del module.forward  # the class's own shows again


def _quick(layer: Any) -> Callable[..., Tensor] | None:
    base, active = layer.base_layer, layer.active_adapters
    if (
        layer.disable_adapters
        or layer.merged
        or len(active) != 1
        or active[0] not in layer.lora_A
        or layer.lora_variant
    ):
        return None
    name = active[0]
    if type(layer.lora_A[name]) is not torch.nn.Linear or type(layer.lora_B[name]) is not torch.nn.Linear:
        return None  # something of its own stands between or in place of the two
    dropout = layer.lora_dropout[name]
    down, up = layer.lora_A[name].weight, layer.lora_B[name].weight
    if (
        type(base) is not torch.nn.Linear
        or hasattr(base.weight, "to_local")
        or dropout.training
        and getattr(dropout, "p", 0) > 0
    ):
        return None
    if down.dtype != base.weight.dtype or getattr(layer.lora_B[name], "bias", None) is not None:
        return None
    scaled = (up.detach() * layer.scaling[name]).t().contiguous()  # [rank, outputs]
    weight, bias = base.weight, base.bias

    def forward(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        low = F.linear(x, down)
        out = F.linear(x, weight, bias)
        flat = out.view(-1, out.shape[-1])
        return flat.addmm_(low.view(-1, low.shape[-1]), scaled).view(out.shape)

    return forward
