"""A stage that trains a reward model: which answer is better, as a number for each."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .base import Strict
from .writing import NAME


class Reward(Strict):
    """A reward model learns from the rows' pairs. It is an adapter of its own with a scalar head; the learner stays as it is."""

    kind: Literal["reward"] = "reward"
    name: str = Field("reward", pattern=NAME, description="Checks, rules and sources name the reward model by it.")
    learner: str = Field(
        "student",
        max_length=40,
        title="Whose weights",
        description="student, teacher or another teacher in memory: the adapter is put on its base.",
    )
    pairs: Literal["columns", "ranked"] = Field(
        "columns",
        title="Pairs are",
        description="columns: chosen over rejected answers. ranked: every better answer of a list over every worse one.",
    )
    steps: int | None = Field(None, ge=1, le=10_000_000, title="Optimizer steps")
    epochs: float | None = Field(1.0, gt=0, le=10_000, title="Epochs", description="Used when steps is empty.")
    batch_size: int = Field(16, ge=1, le=65536, title="Pairs per optimizer step")
    learning_rate: float = Field(1e-4, gt=0, le=1, title="Learning rate")
    heldout: float = Field(
        0.1,
        ge=0,
        le=0.5,
        title="Pairs held out",
        description="By hash of the question; the share of them that is ordered rightly is reported.",
    )
    clip: float = Field(1.0, gt=0, le=1e6, title="Clip gradient norm at")

    @model_validator(mode="after")
    def _length_is_stated(self) -> Reward:
        if self.steps is None and self.epochs is None:
            raise ValueError("say how long to train: steps or epochs")
        return self
