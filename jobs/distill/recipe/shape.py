"""The student before training: as it is, cut, or merged from several."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Strict


class Shape(Strict):
    """A smaller student made from a larger model, then healed by distillation. The result is a model of its own."""

    kind: Literal["truncate"] = Field("truncate", title="Kind")
    layers: int = Field(ge=1, le=10_000, title="Layers to keep", description="The first so many layers.")
