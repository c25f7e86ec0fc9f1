"""Who teaches a training stage."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .base import Strict


class Member(Strict):
    """One voice among the teachers of a stage."""

    kind: Literal["model", "base", "ema", "adapter", "column"] = Field(
        "model",
        title="Kind",
        description="model: a teacher of the recipe. base: the learner with its adapter off. ema: a moving average of the learner's adapter. "
        "adapter: the adapter that an earlier stage ended with, on the same base. column: for classifiers and taggers, soft labels that "
        "came with the data (role soft) under this name.",
    )
    name: str = Field(
        "teacher", max_length=80, title="Name", description="Teacher's name, or for kind adapter the stage's name."
    )
    weight: float = Field(
        1.0, ge=-100, le=100, title="Weight", description="Share in a mean, coefficient in a composition."
    )
    domains: list[str] = Field(
        default_factory=list,
        title="Domains",
        description="For route: the domains this teacher answers for; empty: all others.",
    )


class Teaching(Strict):
    """One teacher or several, and how their voices become one."""

    members: list[Member] = Field(default_factory=lambda: [Member()], min_length=1, max_length=16, title="Teachers")
    combine: Literal["mean", "geometric", "compose", "route", "drop", "reinforced", "forget"] = Field(
        "mean",
        title="Combine by",
        description="mean: average of probabilities. geometric: average of log-probabilities, normalised. compose: sum of weight times logits. "
        "route: by the row's domain. drop: a random one at each step, by weight. reinforced: for classifiers and taggers, a policy that "
        "is trained beside the student chooses a teacher for each row. forget: two members, the base and an adapter that knows a text better; "
        "the base is lowered where the second one rose, as often as its weight says (approximate unlearning).",
    )
    ema_decay: float = Field(
        0.999, ge=0, lt=1, title="Decay of the moving average", description="A step keeps so much of it."
    )
    privileged: bool = Field(
        False,
        title="Teacher sees more",
        description="The teacher reads the row's privileged text (a worked solution, say) before the question; the student never does.",
    )

    @model_validator(mode="after")
    def _weights_make_sense(self) -> Teaching:
        if self.combine in ("mean", "geometric", "drop") and (
            any(m.weight < 0 for m in self.members) or sum(m.weight for m in self.members) <= 0
        ):
            raise ValueError(f"weights of a {self.combine} must not be negative and must not all be zero")
        if self.combine == "forget" and len(self.members) != 2:
            raise ValueError("forget needs two members: what is kept, and what knows the text better")
        return self
