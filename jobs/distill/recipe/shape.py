"""The student before training: as it is, cut, or merged from several. Each kind has its own fields."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import Strict

Kind = Field(title="Kind", description="Which way the student is made of a larger model.")
Layers = Annotated[
    int | None,
    Field(ge=0, le=10_000, title="Layers to keep", description="How many. Empty: the share below."),
]
LayerShare = Annotated[
    float,
    Field(gt=0, le=1, title="Share of the layers", description="Used when no number of layers is given; rounded."),
]
Rows = Annotated[
    int,
    Field(
        ge=1,
        le=100_000,
        title="Rows to measure on",
        description="Training rows the model reads to find out what it can do without; never held-out rows.",
    ),
]


class Truncate(Strict):
    """Some layers of the model as they are, the others left out. Nothing is measured."""

    kind: Literal["truncate"] = Kind
    keep: Literal["first", "last", "every", "listed"] = Field(
        "first",
        title="Keep",
        description="first, last: so many layers from that end. every: one of every n, starting with the first. listed: those named.",
    )
    layers: Layers = None
    share: LayerShare = 0.5
    every: int = Field(2, ge=1, le=1000, title="Every n-th layer", description="2 keeps layers 0, 2, 4 and so on.")
    listed: list[int] = Field(
        default_factory=list,
        max_length=10_000,
        title="Layers by number",
        description="Counted from 0, in the order they shall stand.",
    )


class Collapse(Strict):
    """LaCo: rear layers are folded into the one before them, as the sum of their differences, while the output stays."""

    kind: Literal["collapse"] = Kind
    merged: int = Field(
        3,
        ge=2,
        le=100,
        title="Layers of a merge",
        description="So many neighbouring layers become one (C of the paper).",
    )
    threshold: float = Field(
        0.65,
        ge=-1,
        le=1,
        title="Least similarity",
        description="A merge is kept when the mean cosine of the model's outputs before and after stays above this.",
    )
    interval: int = Field(
        2, ge=1, le=1000, title="Distance between merges", description="Layers to go down after a merge that was kept."
    )
    lowest: int = Field(0, ge=0, le=10_000, title="Lowest layer", description="Layers below are never merged.")
    highest: int | None = Field(
        None, ge=1, le=10_000, title="Highest layer", description="Merging starts below this one; empty: the last."
    )
    at_least: int = Field(1, ge=1, le=10_000, title="Layers to keep", description="Merging stops when so few are left.")
    rows: Rows = 16


class PruneDepth(Strict):
    """The layers that change least are left out."""

    kind: Literal["prune_depth"] = Kind
    score: Literal["block_influence", "perplexity"] = Field(
        "block_influence",
        title="Score of a layer",
        description="block_influence: 1 - cosine of what goes in and what comes out (one pass). "
        "perplexity: how much the loss rises without the layer (one pass a layer).",
    )
    layers: Layers = None
    share: LayerShare = 0.5
    protect_first: int = Field(0, ge=0, le=10_000, title="Always keep the first", description="So many layers.")
    protect_last: int = Field(0, ge=0, le=10_000, title="Always keep the last", description="So many layers.")
    rows: Rows = 64


class PruneWidth(Strict):
    """Narrower layers: hidden width, attention heads with their key-value groups, and MLP channels, by score."""

    kind: Literal["prune_width"] = Kind
    score: Literal["activation", "gradient", "l0_mask"] = Field(
        "activation",
        title="Score of a channel",
        description="activation: how strongly it fires (Minitron). gradient: |weight x gradient| of all weights that belong to it "
        "(LLM-Pruner). l0_mask: small masks are learned until the target shape is met (Sheared LLaMA).",
    )
    hidden: int | None = Field(
        None, ge=0, le=65_536, title="Hidden width", description="Width of the residual stream; empty: the share below."
    )
    hidden_share: float = Field(1.0, gt=0, le=1, title="Share of the hidden width")
    heads: int | None = Field(
        None, ge=0, le=1024, title="Attention heads", description="Query heads of a layer; empty: the share below."
    )
    kv_heads: int | None = Field(
        None,
        ge=0,
        le=1024,
        title="Key-value heads",
        description="Heads must be a multiple of it. Empty: as they are, or one a head where each head has its own.",
    )
    heads_share: float = Field(1.0, gt=0, le=1, title="Share of the heads")
    intermediate: int | None = Field(
        None, ge=0, le=524_288, title="MLP width", description="Inner width of the MLP; empty: the share below."
    )
    mlp_share: float = Field(1.0, gt=0, le=1, title="Share of the MLP width")
    layers: int | None = Field(
        None, ge=0, le=10_000, title="Layers to keep", description="With learned masks; empty: the share below."
    )
    layers_share: float = Field(1.0, gt=0, le=1, title="Share of the layers", description="With learned masks.")
    rows: Rows = 64
    steps: int = Field(
        200, ge=1, le=1_000_000, title="Mask steps", description="With learned masks: steps of their training."
    )
    learning_rate: float = Field(
        0.1, gt=0, le=100, title="Mask learning rate", description="With learned masks: of masks and multipliers."
    )

    @model_validator(mode="after")
    def _layers_need_masks(self) -> PruneWidth:
        if self.score != "l0_mask" and (self.layers is not None or self.layers_share < 1):
            raise ValueError(f"score {self.score} does not choose layers; use l0_mask, or kind prune_depth")
        return self


class TrimVocab(Strict):
    """Tokens that the text does not use leave embedding, output layer and tokenizer; all others keep their logits."""

    kind: Literal["trim_vocab"] = Kind
    least: int = Field(
        1, ge=1, le=1_000_000_000, title="Seen at least", description="Tokens seen less often in the rows are left out."
    )
    limit: int | None = Field(
        None,
        ge=1,
        le=2_000_000,
        title="Tokens at most",
        description="The most frequent ones, beside special tokens, single bytes and the pieces tokens are made of. Empty: all seen.",
    )


class MergeModels(Strict):
    """Several models of one architecture become one; the student's own model is the first of them."""

    kind: Literal["merge"] = Kind
    models: list[str] = Field(
        min_length=1,
        max_length=16,
        title="Merge with",
        description="Names of other models of the recipe: teacher, or the name of another teacher.",
    )
    method: Literal["linear", "slerp"] = Field(
        "linear",
        title="Method",
        description="linear: weighted sum of the weights. slerp: along the arc between two models, tensor by tensor.",
    )
    weights: list[float] = Field(
        default_factory=list,
        max_length=17,
        title="Weights",
        description="The student's model first, then the others; empty: equal.",
    )

    @model_validator(mode="after")
    def _a_weight_each(self) -> MergeModels:
        if self.weights and len(self.weights) != len(self.models) + 1:
            raise ValueError(
                f"{len(self.weights)} weights for {len(self.models) + 1} models (the student's own is the first)"
            )
        if self.method == "slerp" and len(self.models) != 1:
            raise ValueError(f"slerp goes from the student's model to one other; {len(self.models)} others are named")
        if self.weights and sum(self.weights) == 0:
            raise ValueError("the weights add up to 0, so nothing would be left of the models")
        return self


Shape = Annotated[Truncate | Collapse | PruneDepth | PruneWidth | TrimVocab | MergeModels, Field(discriminator="kind")]
KINDS = ("truncate", "collapse", "prune_depth", "prune_width", "trim_vocab")
