"""How the one honest number is made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Strict


class Evaluation(Strict):
    """How the one honest number is made: greedy answers on the frozen held-out split."""

    metric: Literal[
        "auto",
        "exact_match",
        "numeric_match",
        "rouge_l",
        "rouge_1",
        "rouge_2",
        "bleu",
        "chrf",
        "set_f1",
        "bits_per_byte",
    ] = Field(
        "auto",
        title="Score",
        description="auto: exact match for short answers, numeric match for sums, ROUGE-L for long text. bleu and chrf: "
        "sacreBLEU's, from 0 to 1, for translations; of all rows together. set_f1: F1 of the things that JSON lists or lines name.",
    )
    limit: int | None = Field(
        None, ge=8, title="Held-out rows", description="At most this many, a stratified sample; empty: all."
    )
    max_new_tokens: int = Field(64, ge=1, le=32768, title="Longest answer (tokens)")
    batch_size: int = Field(64, ge=1, le=4096, title="Batch")
    bootstrap: int = Field(
        2000,
        ge=100,
        le=100_000,
        title="Bootstrap samples",
        description="Resamples of the held-out rows for the 95 % interval.",
    )
