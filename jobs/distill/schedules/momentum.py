"""TAID's way of raising t: along a straight line at least, and faster while the loss falls (arXiv:2501.16937)."""

from __future__ import annotations

import math
from collections.abc import MutableMapping

from ..recipe import Curve

TINY = 1e-15


def follow(curve: Curve, place: str, reached: MutableMapping[str, float], loss: float, done: int, steps: int) -> None:
    """Moves the curve at `place` after an optimizer step; `done` steps of `steps` are finished, `loss` is the step's.

    m <- memory * m + (1 - memory) * (last - loss) / last;  t <- t + rise * sigmoid(m) * (1 - t), not below the straight
    line from start to end and not above end. The state is three numbers of `reached`: the curve's own place, and beside
    it the momentum and the last loss. The first step only remembers its loss.
    """
    last, m = reached.get(f"{place} loss"), reached.get(f"{place} momentum", 0.0)
    reached[f"{place} loss"] = loss
    if last is None:
        return
    m = curve.memory * m + (1 - curve.memory) * (last - loss) / (last + TINY)
    t = reached.get(place, curve.start)
    line = curve.start + (curve.end - curve.start) * done / steps
    pull = 1 / (1 + math.exp(-max(-500.0, min(500.0, m))))
    reached[f"{place} momentum"] = m
    reached[place] = min(curve.end, max(line, t + curve.rise * pull * (1 - t)))
