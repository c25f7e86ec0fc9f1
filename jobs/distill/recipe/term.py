"""One objective term: what is compared, how strongly, on which rows and tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Curve, Strict

RowsOfTerm = Literal["all", "labelled", "unlabelled", "fixed", "rollout", "chosen", "rejected"]


class Weighting(Strict):
    """A weight a token, computed from both models as they are now; it carries no gradient."""

    type: str = Field(title="Token weight", description="Id of a token weight in the catalogue.")
    options: dict[str, float | int | str | bool] = Field(
        default_factory=dict, title="Options", description="The weight's own options."
    )


class Term(Strict):
    """One objective term: a part of the catalogue with its weight and options."""

    type: str = Field(title="Term", description="Id of an objective in the catalogue.")
    weight: float = Field(1.0, ge=0, le=1e6, title="Weight")
    temperature: float = Field(
        1.0, ge=0.05, le=100, title="Temperature T", description="Both distributions are softmax(z / T)."
    )
    t_squared: bool | None = Field(
        None,
        title="Multiply by T squared",
        description="Hinton's scaling, in value and gradient. Must be stated when T is not 1.",
    )
    rows: RowsOfTerm = Field(
        "all",
        title="Rows",
        description="fixed: rows of the data. rollout: the student's own answers. chosen, rejected: one side of a preference pair.",
    )
    options: dict[str, float | int | str | bool] = Field(
        default_factory=dict, title="Options", description="The part's own options."
    )
    schedule: dict[str, Curve] = Field(
        default_factory=dict,
        max_length=10,
        title="Changes over the stage",
        description="weight, temperature or a numeric option -> how it moves; overrides the fixed value.",
    )
    weighting: Weighting | None = Field(
        None, title="Token weight", description="Empty: every supervised token counts alike."
    )
