"""Scores of classifiers and taggers: accuracy, macro F1, a table by label, strict F1 of spans. Pure numpy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ..scores import PerRow

CONFUSED = 10  # pairs of labels that are listed


def f1(right: float, said: float, gold: float) -> float:
    """2 tp / (said + gold); 0 where there is nothing."""
    return 2 * right / (said + gold) if said + gold else 0.0


def by_label(said: Sequence[str], gold: Sequence[str]) -> list[dict[str, Any]]:
    """precision, recall, F1 and rows of every label that is gold or said, in order of name."""
    right = Counter(g for s, g in zip(said, gold, strict=True) if s == g)
    return _table(right, Counter(said), Counter(gold))


def macro_f1(said: Sequence[str], gold: Sequence[str]) -> float:
    """Mean F1 of the labels that the gold answers have: each counts the same, however rare."""
    table = [row["f1"] for row in by_label(said, gold) if row["n"]]
    return float(np.mean(table)) if table else 0.0


def confused(said: Sequence[str], gold: Sequence[str], most: int = CONFUSED) -> list[dict[str, Any]]:
    """Pairs (gold, said instead) that are mixed up most often."""
    pairs = Counter((g, s) for s, g in zip(said, gold, strict=True) if s != g)
    ranked = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    return [{"gold": g, "said": s, "n": n} for (g, s), n in ranked[:most]]


def macro_interval(said: Sequence[str], gold: Sequence[str], samples: int, seed: int) -> tuple[float, float]:
    """95 % bootstrap interval of macro F1, rows resampled."""
    names = sorted({*said, *gold})
    at = {n: i for i, n in enumerate(names)}
    s, g = np.asarray([at[x] for x in said]), np.asarray([at[x] for x in gold])
    draw = np.random.Generator(np.random.PCG64(seed))
    found = []
    for _ in range(samples):
        rows = draw.integers(0, len(s), len(s))
        saids, golds = np.bincount(s[rows], minlength=len(names)), np.bincount(g[rows], minlength=len(names))
        rights = np.bincount(s[rows][s[rows] == g[rows]], minlength=len(names))
        there = golds > 0
        found.append(float(np.mean(2 * rights[there] / (saids[there] + golds[there]))))
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


# -- spans --------------------------------------------------------------------------------------------------------------

Marked = Collection[tuple[int, int, str]]  # (start, end, kind) of one row


def span_scores(said: Sequence[Marked], gold: Sequence[Marked]) -> PerRow:
    """2 tp over said + gold, row by row: their ratio over all rows is micro F1. A span counts when both ends and kind agree."""
    top = [2.0 * len({*s} & {*g}) for s, g in zip(said, gold, strict=True)]
    bottom = [float(len({*s}) + len({*g})) for s, g in zip(said, gold, strict=True)]
    return PerRow(np.asarray(top), np.asarray(bottom))


def by_kind(said: Sequence[Marked], gold: Sequence[Marked]) -> list[dict[str, Any]]:
    """The table of a tagger: precision, recall, F1 and gold spans of every kind."""
    right: dict[str, int] = defaultdict(int)
    saids, golds = Counter[str](), Counter[str]()
    for s, g in zip(said, gold, strict=True):
        for one in {*s} & {*g}:
            right[one[2]] += 1
        saids.update(k for *_, k in {*s})
        golds.update(k for *_, k in {*g})
    return _table(Counter(right), saids, golds)


def _table(right: Counter[str], said: Counter[str], gold: Counter[str]) -> list[dict[str, Any]]:
    return [
        {
            "label": name,
            "n": gold[name],
            "said": said[name],
            "precision": right[name] / said[name] if said[name] else 0.0,
            "recall": right[name] / gold[name] if gold[name] else 0.0,
            "f1": f1(right[name], said[name], gold[name]),
        }
        for name in sorted({*said, *gold})
    ]
