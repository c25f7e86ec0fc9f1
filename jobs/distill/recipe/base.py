"""What every part of the schema is made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    """Frozen, refuses unknown fields and non-finite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Curve(Strict):
    """How a number changes over a training stage. Places are shares of its steps, from 0 to 1."""

    type: Literal["linear", "cosine", "steps", "adaptive", "momentum"] = Field(
        "linear",
        title="Shape",
        description="linear, cosine: from start to end. steps: jumps at the given places. adaptive: rises by `rise` each time "
        "the held-out loss is not better than before (DistiLLM, arXiv:2402.03898). momentum: never below the straight line, "
        "and faster while the training loss falls (TAID, arXiv:2501.16937).",
    )
    start: float = Field(0.0, title="From", description="Value at the first step.")
    end: float = Field(1.0, title="To", description="Value at the last step; the most an adaptive curve may reach.")
    begin: float = Field(0.0, ge=0, le=1, title="Begins at", description="Share of the steps before it starts to move.")
    finish: float = Field(
        1.0, gt=0, le=1, title="Ends at", description="Share of the steps after which it stands still."
    )
    points: list[tuple[float, float]] = Field(
        default_factory=list,
        max_length=100,
        title="Steps",
        description="For type steps: pairs of (share of the steps, value).",
    )
    rise: float = Field(
        0.1,
        gt=0,
        title="Rise",
        description="For type adaptive: added each time. For type momentum: TAID's step size, 0.0005 as published.",
    )
    memory: float = Field(
        0.99,
        ge=0,
        lt=1,
        title="Memory",
        description="For type momentum: share of the earlier relative changes of the loss that is kept.",
    )
    tolerance: float = Field(
        0.0,
        ge=0,
        title="Tolerance",
        description="For type adaptive: how much worse the held-out loss must be than before.",
    )

    @model_validator(mode="after")
    def _it_can_be_drawn(self) -> Curve:
        if self.begin >= self.finish:
            raise ValueError(f"begins at {self.begin:g} but ends at {self.finish:g}; it must begin before it ends")
        if self.type == "steps" and (
            not self.points or sorted({p[0] for p in self.points}) != [p[0] for p in self.points]
        ):
            raise ValueError("a curve of steps needs points whose places rise")
        return self
