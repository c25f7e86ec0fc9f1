"""How near two texts are: chrF, and how much texts of a set repeat one another: distinct-n, self-BLEU."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from .bm25 import terms


def chrf(text: str, reference: str, most: int = 6, beta: float = 2.0) -> float:
    """Character n-gram F score, 0 to 100, n from 1 to `most`, white space left out (Popović 2015)."""
    a, b = "".join(text.split()), "".join(reference.split())
    precision, recall, orders = 0.0, 0.0, 0
    for n in range(1, most + 1):
        mine, theirs = _grams(a, n), _grams(b, n)
        if not mine or not theirs:
            continue
        both = sum((mine & theirs).values())
        precision += both / sum(mine.values())
        recall += both / sum(theirs.values())
        orders += 1
    if not orders or not precision or not recall:
        return 0.0
    precision, recall = precision / orders, recall / orders
    return 100 * (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def distinct(texts: Sequence[str], n: int = 2) -> float:
    """Different runs of n words as a share of all of them over the whole set, 0 to 1 (Li et al. 2016)."""
    grams = [g for t in texts for g in _grams(terms(t), n).elements()]
    return len(set(grams)) / len(grams) if grams else 0.0


def self_bleu(texts: Sequence[str], most: int = 4) -> float:
    """Mean BLEU of each text against all others, 0 to 1; low: the texts differ (Zhu et al. 2018). No length penalty: the
    other texts always offer one as long."""
    counted = [[_grams(terms(t), n) for n in range(1, most + 1)] for t in texts]
    if len(texts) < 2:
        return 0.0
    return sum(_bleu(c, [o for o in counted if o is not c]) for c in counted) / len(counted)


def _bleu(mine: Sequence[Counter[object]], others: Sequence[Sequence[Counter[object]]]) -> float:
    logs = []
    for n, grams in enumerate(mine):
        total = sum(grams.values())
        if not total:
            break
        both = sum(min(times, max((o[n][g] for o in others), default=0)) for g, times in grams.items())
        if not both:
            return 0.0
        logs.append(math.log(both / total))
    return math.exp(sum(logs) / len(logs)) if logs else 0.0


def _grams(items: Sequence[str], n: int) -> Counter[object]:
    return Counter(tuple(items[i : i + n]) for i in range(len(items) - n + 1))
