"""A student that names instead of writing: one label for a row, or a tag for each of its tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .base import Strict

Task = Literal["auto", "generate", "classify", "tag"]


class Labelling(Strict):
    """The label head of a classifier or tagger."""

    labels: list[str] = Field(
        default_factory=list,
        max_length=10_000,
        title="Labels",
        description="In the order of the output layer; for a tagger the kinds of entity. Empty: those of the training rows. "
        "The list is written into the adapter.",
    )
    attention: Literal["auto", "causal", "full"] = Field(
        "auto",
        title="Attention",
        description="Of a student that was made to write. causal: a token sees those before it. full: it sees the whole row "
        "(LS-LLaMA takes the mask away for tags). auto: full for tags, causal for one label. Encoders always see all.",
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none",
        title="Weights of the labels",
        description="balanced: rows over labels times the label's rows, so that rare labels count as much as common ones.",
    )
    weights: dict[str, float] = Field(
        default_factory=dict,
        title="Weight of a label",
        description="label -> how much its rows count in every term; labels that are not named count 1. Multiplies balanced weights.",
    )
    teacher: Literal["auto", "likelihood", "logprobs", "votes"] = Field(
        "auto",
        title="Soft labels of a teacher",
        description="likelihood: how probable a model in memory finds each label as its answer. logprobs: the probabilities an "
        "endpoint reports for its first token, over the labels that begin with it. votes: the share of several answers that name "
        "a label. auto: likelihood in memory, votes behind an address and for tags.",
    )
    votes: int = Field(5, ge=1, le=64, title="Votes", description="Answers a row, where a teacher votes.")
    vote_temperature: float = Field(0.7, ge=0, le=5, title="Temperature of the votes")
    instruction: str = Field(
        "",
        max_length=20_000,
        title="Instruction to the teacher",
        description="System turn for a teacher that answers in text; empty: the row alone. {labels} stands for the list.",
    )

    @model_validator(mode="after")
    def _the_list_is_one(self) -> Labelling:
        if double := next((n for n in self.labels if self.labels.count(n) > 1), None):
            raise ValueError(f"labels names {double!r} twice; each label once")
        if wrong := next((n for n, w in self.weights.items() if not 0 <= w <= 1e6), None):
            raise ValueError(f"weights.{wrong} is {self.weights[wrong]:g}; it must lie between 0 and 1,000,000")
        return self
