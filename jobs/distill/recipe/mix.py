"""Shares of domains that move during a training stage."""

from __future__ import annotations

from pydantic import Field

from .base import Strict


class Mix(Strict):
    """Every so many steps learner and teacher read some rows of each domain; rows of domains where the learner is farther
    behind are drawn more often from then on (DDK, arXiv:2407.16154)."""

    every: int = Field(
        100, ge=1, le=1_000_000, title="Every (steps)", description="How often the shares are measured anew."
    )
    rows: int = Field(
        16, ge=1, le=10_000, title="Rows a domain", description="So many training rows of each are read then."
    )
    pace: float = Field(
        0.5,
        gt=0,
        le=1,
        title="Pace",
        description="How far towards the new shares; no share changes by more than this at a time.",
    )
    floor: float = Field(
        0.1, gt=0, lt=1, title="Least share", description="Spread evenly over all domains, so that none is forgotten."
    )
