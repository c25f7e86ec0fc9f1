"""Number formats: which one a model runs in, and full-precision copies of the adapter where that is bfloat16."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .events import Events

NAMES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose(asked: str, device: torch.device, who: str, events: Events) -> torch.dtype:
    """The format of a model's weights and activations; says why when it was left to us."""
    if asked != "auto":
        return NAMES[asked]
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        events.reason(f"{who}.dtype", "bfloat16", "the GPU computes in bfloat16; the adapter keeps a float32 copy")
        return torch.bfloat16
    events.reason(f"{who}.dtype", "float32", "exact and fastest for small models on CPU")
    return torch.float32


class Masters:
    """The float32 numbers the optimizer sees.

    For float32 parameters these are the parameters themselves. For bfloat16 a step of 1e-4 would be rounded away
    (8 bits of mantissa), so the optimizer moves a float32 copy which is then rounded into the model.
    """

    def __init__(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        self.live = list(parameters)
        self.full = [p if p.dtype == torch.float32 else torch.nn.Parameter(p.detach().float()) for p in self.live]

    def collect(self) -> None:
        """Moves the gradients of the model to the copies."""
        for live, full in zip(self.live, self.full, strict=True):
            if live is not full:
                full.grad = None if live.grad is None else live.grad.float()
                live.grad = None

    @torch.no_grad()
    def publish(self) -> None:
        """Rounds the copies into the model."""
        for live, full in zip(self.live, self.full, strict=True):
            if live is not full:
                live.copy_(full)

    def clear(self) -> None:
        for p in (*self.live, *self.full):
            p.grad = None
