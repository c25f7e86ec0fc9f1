"""What every way of merging looks like: tensors of one shape in, one tensor out. Light: torch only inside functions.

The tensors are updates to the base (deltas), or whole weights where models are merged. Most methods are a weighted sum whose
weights follow from lengths and angles, so they are given the inner products [n, n] alone: low-rank updates never have to
be multiplied out for them. The others work on single entries and set `elementwise`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..parts import Described

if TYPE_CHECKING:
    from torch import Tensor


class Merging(Described):
    """A method. `weighted`: takes weights from the recipe, equal ones where it gives none."""

    kind: ClassVar[str] = "merge"
    elementwise: ClassVar[bool] = False
    weighted: ClassVar[bool] = True
    parents: ClassVar[int | None] = None  # so many, no more and no fewer; None: any number

    def coefficients(self, inner: Tensor, weights: Sequence[float], options: Any) -> list[float]:
        """One number a parent; `inner` holds the inner products of the tensors, float64 [n, n]."""
        raise NotImplementedError

    def tensor(self, tensors: Sequence[Tensor], weights: Sequence[float], options: Any, seed: int = 0) -> Tensor:
        """The merged tensor, computed in float32 and returned in the first one's format."""
        import torch

        flat = torch.stack([t.double().flatten() for t in tensors])
        shares = self.coefficients(flat @ flat.T, weights, options)
        return weighted_sum(tensors, shares)


def weighted_sum(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """sum_i w_i t_i in float32; a parent of weight 0 does not count, whatever it holds."""
    import torch

    total = torch.zeros_like(tensors[0], dtype=torch.float32)
    for t, w in zip(tensors, weights, strict=True):
        if w:
            total = total + t.float() * w
    return total.to(tensors[0].dtype)


def equal(n: int) -> list[float]:
    return [1 / n] * n
