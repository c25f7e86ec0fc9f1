"""Which way suits a language, by how many words of it there are (after BYOL: Bring Your Own Language Into LLMs)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tier:
    """`least`: words from which it holds. `system`: what to run; empty where training is not the way."""

    name: str
    least: int
    system: str
    because: str


TIERS = (
    Tier("high", 1_000_000_000, "sft", "Models know the language already; rows of the task are enough."),
    Tier("middle", 50_000_000, "maga", "There is text to read; told again in other genres it lasts for more passes."),
    Tier("low", 500_000, "byol", "Little text and hardly any rows: clean it, translate rows into it, blend with the base."),
    Tier("extremely low", 0, "linguistic-diverse-prompts", "Too little to read: teach translation, and let English do the rest."),
)  # fmt: skip


def tier_of(words: int) -> Tier:
    """The tier of a language with so many words of clean text; raises ValueError for a number below 0."""
    if words < 0:
        raise ValueError(f"a corpus of {words:,} words")
    return next(t for t in TIERS if words >= t.least)
