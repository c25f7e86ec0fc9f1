"""The learning rate at a step."""

from __future__ import annotations

import math

from ..recipe import Schedule

DECAY_SHARE = 0.1  # of the steps, at the end of warm-up-stable-decay


def rate_at(step: int, steps: int, peak: float, schedule: Schedule) -> float:
    """Learning rate of step `step` (from 0): a straight warm-up, then the schedule down to `final` of the peak."""
    if step < schedule.warmup:
        return peak * (step + 1) / schedule.warmup
    if schedule.type == "constant":
        return peak
    begin = schedule.warmup if schedule.type != "wsd" else max(schedule.warmup, steps - round(DECAY_SHARE * steps))
    done = max(0, step - begin) / max(1, steps - begin)
    left = 0.5 * (1 + math.cos(math.pi * done)) if schedule.type == "cosine" else 1 - done
    return peak * (schedule.final + (1 - schedule.final) * left)
