"""What every source of rows looks like to the training loop."""

from __future__ import annotations

from typing import Protocol

import torch

from ..rows import Example


class Source(Protocol):
    """Rows of any step. What it drew at random is a function of (seed, step, row); what depends on the weights of an earlier
    moment (rollouts, a replay buffer) is handed to the checkpoint and taken back from it."""

    def step(self, step: int) -> list[Example]:
        """The rows of optimizer step `step` (from 0)."""
        ...

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that cannot be computed again; names start with `source.`."""
        ...

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Takes back what `state` gave."""
        ...
