"""The product of hidden states with an output layer, on the kernel that is fastest where the run is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .objectives.scratch import Scratch

WORTH_A_KERNEL = 2**22  # numbers of a layer: oneDNN makes a kernel for each shape it meets, which takes a moment


def product(hidden: Tensor, weight: Tensor, scratch: Scratch) -> Tensor:
    """hidden [n, H] times weight [V, H] transposed, [n, V] in float32 (float64 stays), without graph."""
    n, V, hidden, weight = len(hidden), len(weight), hidden.detach(), weight.detach()
    if (kernel := _onednn(hidden, weight)) is not None:
        made: Tensor = kernel(hidden, weight, None, "none", [], "")
        return made
    out = scratch.take(n, V, torch.promote_types(torch.float32, hidden.dtype), hidden.device)
    return torch.mm(hidden, weight.t(), out=out) if out.dtype == hidden.dtype else out.copy_(hidden @ weight.t())


def wide(z: Tensor) -> Tensor:
    """float32, or float64 where it is that already."""
    return z if z.dtype == torch.float64 else z.float()


def _onednn(hidden: Tensor, weight: Tensor) -> Any:
    """oneDNN's linear layer, which torch takes for float32 only in compiled models: on processors that are not Intel's it is a
    sixth faster than MKL for few rows and a wide layer, and there is nothing to tell them apart by on the others."""
    float32 = hidden.dtype == weight.dtype == torch.float32
    if not float32 or hidden.device.type != "cpu" or weight.numel() < WORTH_A_KERNEL or not weight.is_contiguous():
        return None
    if not (torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled):  # type: ignore[attr-defined]
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)
