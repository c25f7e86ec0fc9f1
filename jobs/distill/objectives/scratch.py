"""Memory of a chunk that the next chunk uses again."""

from __future__ import annotations

import torch
from torch import Tensor


class Scratch:
    """Blocks of [n, V] that every chunk uses again: on CPU fresh memory of that size costs more than the arithmetic."""

    def __init__(self) -> None:
        self._free: list[Tensor] = []
        self._used: list[Tensor] = []

    def take(self, n: int, vocab: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Uninitialised; valid until `reset`."""
        size = n * vocab
        for i, block in enumerate(self._free):
            if block.dtype == dtype and block.device == device and block.numel() >= size:
                self._used.append(self._free.pop(i))
                break
        else:
            self._used.append(torch.empty(size, dtype=dtype, device=device))
        return self._used[-1][:size].view(n, vocab)

    def reset(self) -> None:
        self._free, self._used = self._free + self._used, []
