"""A stage that makes one adapter of several."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Strict


class Merge(Strict):
    """Merges the adapters that earlier stages ended with; the result is the student's adapter from here on."""

    kind: Literal["merge"] = "merge"
    name: str = Field("merge", max_length=80)
    parents: list[str] = Field(
        min_length=1, max_length=16, title="Parents", description="Names of earlier training stages."
    )
    method: Literal["linear"] = Field("linear", title="Method")
    weights: list[float] = Field(default_factory=list, title="Weights", description="One a parent; empty: equal.")
