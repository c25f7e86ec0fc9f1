"""The adapter that is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Strict


class Adapter(Strict):
    """LoRA on the student. Hu et al. 2021, arXiv:2106.09685."""

    type: Literal["lora"] = Field("lora", title="Kind")
    rank: int = Field(
        16,
        ge=1,
        le=1024,
        title="Rank",
        description="Width of the low-rank update. LLM-Neo: larger is better up to the layer's width.",
    )
    alpha: float = Field(32, gt=0, le=8192, title="Alpha", description="The update is scaled by alpha / rank.")
    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Dropout",
        description="Dropout on the adapter's input. Keep 0 with a divergence: it adds noise to the student's distribution.",
    )
    targets: Literal["all-linear"] | list[str] = Field(
        "all-linear",
        title="Target layers",
        description="all-linear, or names from the model's own linear modules (q_proj, down_proj ...).",
    )
    rslora: bool = Field(
        False, title="rsLoRA", description="Scale by alpha / sqrt(rank): stable at high rank (arXiv:2312.03732)."
    )
    dora: bool = Field(
        False, title="DoRA", description="Learn direction and magnitude apart (arXiv:2402.09353); slower."
    )
    head: bool = Field(
        False,
        title="Adapt the output layer too",
        description="LoRA on lm_head as well: for answers the base would hardly ever say.",
    )
