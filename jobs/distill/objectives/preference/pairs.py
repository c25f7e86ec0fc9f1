"""What the terms over pairs share. S answers in G groups, each with one chosen and one rejected answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ..base import Options

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences

NEEDS_PAIR = frozenset({"labels", "pairs"})
NEEDS_REFERENCE = NEEDS_PAIR | {"teacher", "same_vocabulary"}


class BetaOptions(Options):
    beta: float = Field(
        0.1, gt=0, le=100, title="Beta",
        description="How closely the student stays to the reference: small values let it move further.",
    )  # fmt: skip


def margin(x: Tensor, batch: Sequences) -> Tensor:
    """The chosen answer's value less the rejected one's: [S] -> [G]."""
    return batch.one(x, "chosen") - batch.one(x, "rejected")


def minus_log_sigmoid(x: Tensor) -> Tensor:
    """-log sigma(x), finite for every finite x."""
    from torch.nn.functional import softplus

    return softplus(-x)
