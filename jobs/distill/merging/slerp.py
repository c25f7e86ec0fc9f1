"""Along the arc between two directions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..parts import Paper
from .base import Merging

if TYPE_CHECKING:
    from torch import Tensor

PARALLEL = 0.9995  # cosine beyond which the straight line is taken: the arc formula would divide by almost nothing


class Slerp(Merging):
    id = "slerp"
    title = "Along the arc (SLERP)"
    summary = "Goes from the first parent to the second along the arc between their directions, matrix by matrix."
    when_to_use = "Two parents whose average would be shorter than either: the arc keeps the length."
    formula = r"\frac{\sin((1-t)\omega)}{\sin\omega}\,\Delta_1 + \frac{\sin(t\omega)}{\sin\omega}\,\Delta_2,\quad t = \frac{w_2}{w_1+w_2}"
    paper = Paper(
        title="Animating rotation with quaternion curves", authors="Shoemake", year=1985, venue="SIGGRAPH",
        url="https://doi.org/10.1145/325334.325242",
    )  # fmt: skip
    parents = 2

    def coefficients(self, inner: Tensor, weights: Sequence[float], options: Any) -> list[float]:
        """Nearly parallel parents, and those of length 0, are mixed on the straight line."""
        t = weights[1] / (weights[0] + weights[1])
        lengths = math.sqrt(float(inner[0, 0]) * float(inner[1, 1]))
        cosine = float(inner[0, 1]) / lengths if lengths > 0 else 1.0
        if abs(cosine) > PARALLEL:
            return [1 - t, t]
        angle = math.acos(cosine)
        return [math.sin((1 - t) * angle) / math.sin(angle), math.sin(t * angle) / math.sin(angle)]
