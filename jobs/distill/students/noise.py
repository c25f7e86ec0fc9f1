"""Noise on the student's embeddings during training. NEFTune: Jain et al. 2023, arXiv:2310.05914. SymNoise: Yadav, Singh
2023, arXiv:2312.01523. Drawn from the step's seed, so a resumed run makes the same noise; nothing is added outside the block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ..recipe.adapter import Noise
from ..weights import backbone

SIGNS = {"uniform": (1,), "symmetric": (1, -1)}  # the passes of a step


def bound(alpha: float, lengths: Sequence[int], width: int) -> Tensor:
    """alpha / sqrt(L d) of each row, [rows]."""
    return torch.tensor([alpha / (length * width) ** 0.5 for length in lengths])


def draw(noise: Noise, shape: torch.Size, lengths: Sequence[int], seed: int) -> Tensor:
    """Noise for embeddings [rows, length, width] on the CPU: uniform in [-1, 1], or -1 and 1 with equal chance
    (symmetric), times each row's bound."""
    generator = torch.Generator().manual_seed(seed)
    if noise.kind == "symmetric":
        raw = torch.randint(0, 2, shape, generator=generator).float() * 2 - 1
    else:
        raw = torch.rand(shape, generator=generator) * 2 - 1
    return raw * bound(noise.alpha, lengths, shape[-1])[:, None, None]


@contextmanager
def noisy(model: Any, noise: Noise | None, lengths: Sequence[int], seed: int | None, sign: int) -> Iterator[None]:
    """Inside, the input embeddings (peft's wrapper included) come out with sign * noise added; None adds nothing."""
    if noise is None:
        yield
        return

    def add(_: Any, __: Any, embedded: Tensor) -> Tensor:
        return embedded + sign * draw(noise, embedded.shape, lengths, seed or 0).to(embedded)

    hook = backbone(model).get_input_embeddings().register_forward_hook(add)  # type: ignore[operator]
    try:
        yield
    finally:
        hook.remove()
