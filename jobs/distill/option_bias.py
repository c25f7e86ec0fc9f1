"""Whether an arm prefers a place among the options of multiple choice: how often it says each letter, beside the gold ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .verifiers.finals import final

OPTION = re.compile(r"[A-J]")
SAID = re.compile(r"\(?([A-J])\)?(?![A-Za-z'’])")
LEAST = 2


def option_bias(golds: Sequence[str], said: Mapping[str, Sequence[str]]) -> dict[str, Any] | None:
    """`said`: name of an arm -> its answers, in the order of `golds`. None unless every gold answer is a letter of A to J
    and they differ.

    {"gold": {letter: share}, "said": {arm: {letter: share}}, "distance": {arm: d}, "unread": {arm: share}}; d is the total
    variation distance between the shares of what an arm says, among answers that name a letter, and the gold shares: 0 where
    no place is preferred; 0.75 where the same one of four even options is always said. None for an arm that never names one.
    """
    if len(set(golds)) < LEAST or not all(OPTION.fullmatch(g.strip()) for g in golds):
        return None
    gold = _shares(g.strip() for g in golds)
    letters = {arm: [letter(a) for a in answers] for arm, answers in said.items()}
    shares = {arm: _shares(x for x in found if x) for arm, found in letters.items()}
    return {
        "gold": gold,
        "said": shares,
        "distance": {arm: _distance(found, gold) if found else None for arm, found in shares.items()},
        "unread": {arm: round(sum(x is None for x in found) / len(golds), 4) for arm, found in letters.items()},
    }


def letter(answer: str) -> str | None:
    """The option a text ends on: after a marker such as `Answer:`, else at the beginning of its last line."""
    found = SAID.match((final(answer) or "").strip())
    return found[1] if found else None


def _shares(letters: Iterable[str]) -> dict[str, float]:
    counts = Counter(letters)
    return {name: round(n / counts.total(), 4) for name, n in sorted(counts.items())}


def _distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return round(sum(abs(one.get(k, 0.0) - other.get(k, 0.0)) for k in {*one, *other}) / 2, 4)
