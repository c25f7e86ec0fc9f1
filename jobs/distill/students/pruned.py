"""LoRAM: the adapter is trained on a pruned copy and used with the whole model. Zhang et al. 2025, arXiv:2502.13533.

The weakest units of each gated feed-forward layer leave while the adapter trains. Afterwards the base is whole again, and
the adapter's factors have their full shape with zeros at the units that were away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import PlanRefused
from .variants import NAME


@contextmanager
def pruned(model: Any, share: float) -> Iterator[None]:
    """Inside, `share` of every feed-forward layer's units is cut away from base and adapter. What is cut waits in the
    machine's memory, not on the GPU."""
    if not share:
        yield
        return
    parts = [m for m in model.modules() if all(hasattr(m, n) for n in ("gate_proj", "up_proj", "down_proj"))]
    if not parts:
        raise PlanRefused(
            f"Pruned training needs gated feed-forward layers (gate_proj, up_proj, down_proj); {type(model.get_base_model()).__name__} has none.",
            field="student.adapter.pruned",
            hint="Set the pruned share to 0 for this student.",
        )
    cuts = [(part, kept_units(part, share)) for part in parts]
    whole: list[tuple[nn.Parameter, Tensor]] = []
    adapted: list[tuple[nn.Parameter, torch.Size, int, Tensor]] = []
    for part, kept in cuts:
        for name, dim in (("gate_proj", 0), ("up_proj", 0), ("down_proj", 1)):
            _cut(getattr(part, name), dim, kept, whole, adapted)
    try:
        yield
    finally:
        for parameter, values in whole:
            parameter.data = values.to(parameter.device)
        for parameter, shape, dim, kept in adapted:
            full = torch.zeros(shape, dtype=parameter.dtype, device=parameter.device)
            parameter.data = full.index_copy(dim, kept, parameter.data)
            parameter.grad = None


def kept_units(part: Any, share: float) -> Tensor:
    """Units that stay, in order: those with the largest product of the lengths of what they read and write."""
    gate, up, down = (_base(getattr(part, n)).weight.detach().float() for n in ("gate_proj", "up_proj", "down_proj"))
    score = gate.norm(dim=1) * up.norm(dim=1) * down.norm(dim=0)
    count = max(1, len(score) - int(share * len(score)))
    return score.topk(count).indices.sort().values


def _base(layer: Any) -> Any:
    return layer.get_base_layer() if hasattr(layer, "get_base_layer") else layer


def _cut(layer: Any, dim: int, kept: Tensor, whole: list[Any], adapted: list[Any]) -> None:
    """dim 0: the units are the layer's outputs; dim 1: its inputs."""
    base = _base(layer)
    for parameter in [base.weight, *([base.bias] if base.bias is not None and dim == 0 else [])]:
        whole.append((parameter, parameter.data.cpu()))
        parameter.data = parameter.data.index_select(dim, kept)
    if base is layer:
        return
    factor = (layer.lora_B if dim == 0 else layer.lora_A)[NAME].weight
    adapted.append((factor, factor.shape, dim, kept))
    factor.data = factor.data.index_select(dim, kept)
