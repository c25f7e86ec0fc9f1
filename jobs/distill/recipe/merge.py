"""A stage that makes one adapter of several."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from .base import Strict

BASE: Final = "base"  # as a parent: the student without any adapter


class LayerRange(Strict):
    """Other weights for some of the layers."""

    first: int = Field(ge=0, le=100_000, title="First layer", description="Counted from 0.")
    last: int = Field(ge=0, le=100_000, title="Last layer", description="Itself included.")
    weights: list[float] = Field(min_length=1, max_length=16, title="Weights", description="One a parent.")

    @model_validator(mode="after")
    def _in_order(self) -> LayerRange:
        if self.last < self.first:
            raise ValueError(f"the last layer {self.last} comes before the first {self.first}")
        return self


class Merge(Strict):
    """Merges the adapters that earlier stages ended with; the result is the student's adapter from here on."""

    kind: Literal["merge"] = "merge"
    name: str = Field("merge", max_length=80)
    parents: list[str] = Field(
        min_length=1,
        max_length=16,
        title="Parents",
        description="Names of earlier stages that ended with an adapter of the student; base is the student without any.",
    )
    method: str = Field(
        "linear",
        max_length=80,
        title="Method",
        description="Id of a way to merge in the catalogue: linear, ties, dare ...",
    )
    weights: list[float] = Field(
        default_factory=list,
        max_length=16,
        title="Weights",
        description="One a parent; empty: equal. They need not sum to 1: task arithmetic adds updates with weights of its own.",
    )
    ranges: list[LayerRange] = Field(
        default_factory=list,
        max_length=100,
        title="Weights of layers",
        description="Other weights for ranges of layers; the last range that holds a layer counts.",
    )
    rank: int | None = Field(
        None,
        ge=1,
        le=16_384,
        title="Rank",
        description="Rank of the merged adapter. Empty: the sum of the parents' ranks, so that weighted sums are exact. Less: "
        "the closest update of that rank, and the run says how much is lost.",
    )
    options: dict[str, float | int | str | bool] = Field(
        default_factory=dict, title="Options", description="The method's own options."
    )

    sweep: list[float] = Field(
        default_factory=list,
        max_length=50,
        title="Values to try",
        description="The one with the fewest bits a token on the rows below is kept. For extrapolate: how far; for linear and "
        "slerp of two parents: the share of the first. Empty: nothing is tried.",
    )
    score_rows: int = Field(
        64,
        ge=0,
        le=100_000,
        title="Rows scored",
        description="Labelled rows, those kept apart by a watch before others, on which parents and merge are compared. 0: none.",
    )

    @model_validator(mode="after")
    def _a_weight_each(self) -> Merge:
        for weights in filter(None, [self.weights, *(r.weights for r in self.ranges)]):
            if len(weights) != len(self.parents):
                raise ValueError(f"{len(weights)} weights for {len(self.parents)} parents")
        return self

    def weights_of(self, layer: int | None) -> list[float]:
        """Weights of the parents in this layer; None is outside of all layers."""
        found = [r.weights for r in self.ranges if layer is not None and r.first <= layer <= r.last]
        n = len(self.parents)
        return found[-1] if found else self.weights or [1 / n] * n
