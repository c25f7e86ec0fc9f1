"""The answer is the right one, word for word after what does not count was taken away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..parts import Paper
from .base import NO_GOLD, Bench, Row, Verdict, Verifier, gold_of, need_gold, shown, written
from .finals import SameOptions, final, same


class ExactMatch(Verifier):
    id = "exact"
    title = "Exact match"
    summary = "Keeps a row when its answer equals the one the data came with, after case, punctuation and white space."
    when_to_use = "Short answers with one spelling: labels, names, yes or no, a letter of a choice."
    formula = r"\mathbb{1}\left[n(y) = n(y^{*})\right]"
    paper = Paper(
        title="STaR: Bootstrapping Reasoning With Reasoning", authors="Zelikman, Wu, Mu, Goodman", year=2022,
        venue="NeurIPS", url="https://arxiv.org/abs/2203.14465", arxiv="2203.14465",
    )  # fmt: skip
    Options = SameOptions
    needs = frozenset({"gold"})

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        need_gold(rows, self.title)
        return [self._one(row, options) for row in rows]

    def _one(self, row: Row, options: SameOptions) -> Verdict:
        if (gold := gold_of(row)) is None:
            return NO_GOLD
        mine = final(written(row), options.take)
        if mine is None:
            return Verdict(False, "no answer stands after a marker")
        right = final(gold, options.take) or gold
        if same(mine, right, options):
            return Verdict(True)
        return Verdict(False, f"says {shown(mine)}, right is {shown(right)}")
