"""The value of a curve at a step."""

from __future__ import annotations

import math

from ..recipe import Curve


def value_at(curve: float | Curve, step: int, steps: int, reached: float | None = None) -> float:
    """Value at step `step` (from 0) of `steps`. `reached` is where an adaptive or momentum curve stands now; it starts at its start."""
    if not isinstance(curve, Curve):
        return float(curve)
    if curve.type in ("adaptive", "momentum"):
        return curve.start if reached is None else reached
    done = step / max(1, steps - 1)
    if curve.type == "steps":
        passed = [value for place, value in curve.points if place <= done + 1e-12]
        return passed[-1] if passed else curve.start
    along = min(1.0, max(0.0, (done - curve.begin) / (curve.finish - curve.begin)))
    if curve.type == "cosine":
        along = 0.5 * (1 - math.cos(math.pi * along))
    return curve.start + (curve.end - curve.start) * along


def adapted(curve: Curve, reached: float, before: float | None, now: float) -> float:
    """Where an adaptive curve stands after a held-out loss of `now` when the last one was `before` (None: the first).

    It rises when the loss is at least `tolerance` above the last one, and never passes `end` (DistiLLM, arXiv:2402.03898).
    """
    if before is None or now < before + curve.tolerance:
        return reached
    return min(curve.end, reached + curve.rise)
