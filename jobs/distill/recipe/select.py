"""A stage that chooses which rows the later stages learn from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Strict


class Select(Strict):
    """Keeps a share of the training rows by a score; every row left out is counted and listed with its score."""

    kind: Literal["select"] = "select"
    name: str = Field("select rows", max_length=80)
    method: str = Field(title="Method", description="Id of a selection in the catalogue.")
    keep: float = Field(0.5, gt=0, le=1, title="Keep", description="Share of the rows.")
    options: dict[str, float | int | str | bool] = Field(
        default_factory=dict, title="Options", description="The selection's own options."
    )
