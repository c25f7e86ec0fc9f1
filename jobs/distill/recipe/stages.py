"""Stages beside training: answers, recorded signals, selection of rows, merging of adapters."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Strict
from .merge import Merge
from .select import Select

__all__ = ["Generate", "Merge", "Record", "Select"]


class Generate(Strict):
    """The teacher (or the student) writes answers for rows that have none."""

    kind: Literal["generate"] = "generate"
    name: str = Field("teacher answers", max_length=80)
    teacher: str = Field(
        "teacher",
        max_length=40,
        title="Who answers",
        description="teacher, or the name of another teacher of the recipe.",
    )
    rows: Literal["unlabelled", "all"] = Field(
        "unlabelled", title="Rows", description="all: gold answers are replaced by the teacher's."
    )
    max_new_tokens: int = Field(64, ge=1, le=32768, title="Longest answer (tokens)")
    temperature: float = Field(0.0, ge=0, le=5, title="Sampling temperature", description="0: greedy.")
    candidates: int = Field(
        1,
        ge=1,
        le=64,
        title="Candidates",
        description="Beams of the teacher; more than one keeps the most likely answer, or the one nearest to the gold answer.",
    )
    choose: Literal["likeliest", "nearest"] = Field(
        "likeliest",
        title="Keep of the candidates",
        description="nearest: the beam most like the gold answer (sequence-level interpolation, Kim and Rush 2016).",
    )
    batch_size: int = Field(64, ge=1, le=4096, title="Batch")


class Record(Strict):
    """Record the teacher's signals once: top-k logits and the exact log-normaliser of every supervised position."""

    kind: Literal["record"] = "record"
    name: str = Field("record signals", max_length=80)
    top_k: int = Field(64, ge=1, le=4096, title="K", description="At most this many ids a position.")
    mass: float = Field(
        0.999, gt=0, le=1, title="Mass", description="Fewer than K ids where they already hold this much probability."
    )
    temperatures: list[float] = Field(
        default_factory=lambda: [1.0],
        title="Temperatures",
        description="The log-normaliser is stored exactly for each.",
    )
