"""Comparisons that contradict one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from ..errors import DataRefused
from ..parts import Options, Paper
from .base import Bench, Row, Verdict, Verifier

Claim = tuple[str, str, str]  # more, less, property


class ContradictionOptions(Options):
    margin: int = Field(
        1,
        ge=1,
        le=1000,
        title="Ahead by",
        description="One side of a contradiction stays when it was said so many times more than the other.",
    )


class Contradictions(Verifier):
    """A is more than B by a property, and B more than A: both go, or the one that was said less often."""

    id = "contradictions"
    title = "No contradictions"
    summary = "Of comparisons that say the opposite of each other, both go, or the one that was said less often."
    when_to_use = "After a model compared many pairs, each more than once and both ways round."
    formula = r"n(a > b) - n(b > a) \ge m"
    paper = Paper(
        title="NeuroComparatives: Neuro-Symbolic Distillation of Comparative Knowledge",
        authors="Howard, Wang, Lal, Singer, Choi, Swayamdipta",
        year=2024,
        venue="Findings of NAACL",
        url="https://arxiv.org/abs/2305.04978",
        arxiv="2305.04978",
    )
    Options = ContradictionOptions
    pooled = True

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        claims = [claim_of(row) for row in rows]
        if rows and not any(claims):
            raise DataRefused(
                "None of the rows is a comparison.",
                field="verify",
                hint="The writer Comparisons makes rows that say which of two things has more of what.",
            )
        said: dict[Claim, int] = {}
        for claim in claims:
            if claim:
                said[claim] = said.get(claim, 0) + 1
        return [self._one(claim, said, options.margin) for claim in claims]

    def _one(self, claim: Claim | None, said: dict[Claim, int], margin: int) -> Verdict:
        if claim is None:
            return Verdict(False, "it does not say which of two things has more")
        more, less, by = claim
        mine, against = said[claim], said.get((less, more, by), 0)
        if against and mine - against < margin:
            return Verdict(False, f"{against} of {mine + against} say the opposite: {less} more than {more} in {by}")
        return Verdict(True, score=mine / (mine + against))


def claim_of(row: Row) -> Claim | None:
    found = row.fields.get("comparison")
    if not isinstance(found, dict) or not all(isinstance(found.get(k), str) for k in ("more", "less", "property")):
        return None
    more, less, by = (" ".join(found[k].casefold().split()) for k in ("more", "less", "property"))
    return more, less, by
