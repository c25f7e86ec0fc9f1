"""Scores of an answer against the gold one, and honest intervals around their means. Pure numpy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import overlap

NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?|-?\.\d+")
SHORT_ANSWER = 80  # characters: longer gold answers are judged by overlap, not by equality


def normalised(text: str) -> str:
    """White space collapsed and trimmed; nothing else is forgiven."""
    return " ".join(text.split())


def exact_match(answer: str, gold: str) -> float:
    return float(normalised(answer) == normalised(gold))


def last_number(text: str) -> float | None:
    found = NUMBER.findall(text)
    return float(found[-1].replace(",", "")) if found else None


def numeric_match(answer: str, gold: str) -> float:
    """1 when the last numbers of both are equal: the answer of a sum in words stands at its end."""
    mine, right = last_number(answer), last_number(gold)
    return float(mine is not None and right is not None and abs(mine - right) <= 1e-6 * max(1.0, abs(right)))


def rouge_l(answer: str, gold: str) -> float:
    """F1 of the longest common subsequence of words (Lin 2004)."""
    a, b = re.findall(r"\w+", answer.lower()), re.findall(r"\w+", gold.lower())
    if not a or not b:
        return float(a == b)
    row = np.zeros(len(b) + 1, dtype=np.int64)
    codes = {w: i for i, w in enumerate(dict.fromkeys(b))}
    right = np.asarray([codes[w] for w in b])
    for word in a:
        # The best of the row above, and one more than its left neighbour where the words agree.
        candidate = np.maximum(row[1:], np.where(right == codes.get(word, -1), row[:-1] + 1, 0))
        row[1:] = np.maximum.accumulate(candidate)
    common = int(row[-1])
    return 2 * common / (len(a) + len(b))


METRICS = {
    "exact_match": exact_match,
    "numeric_match": numeric_match,
    "rouge_l": rouge_l,
    "rouge_1": overlap.rouge_1,
    "rouge_2": overlap.rouge_2,
    "set_f1": overlap.set_f1,
    **overlap.CORPUS,  # of one row; of all rows see Corpus
}


def choose_metric(golds: Sequence[str]) -> tuple[str, str]:
    """The metric that suits these gold answers, and why."""
    numeric = sum(bool(re.search(r"\d[\d,.]*\W*$", g.strip())) for g in golds) / len(golds)
    if numeric >= 0.9:
        return "numeric_match", f"{numeric:.0%} of the gold answers end in a number"
    longest = int(np.percentile([len(g) for g in golds], 90))
    if longest <= SHORT_ANSWER:
        return "exact_match", f"gold answers are short: nine of ten have at most {longest} characters"
    return "rouge_l", f"gold answers are long texts: one of ten has over {longest} characters"


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % bootstrap interval; all None when it cannot be computed, `why` says what is missing."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    why: str | None = None

    def as_dict(self) -> dict[str, Any]:
        out: dict[str, Any] = {"value": self.value, "low": self.low, "high": self.high}
        if self.n is not None:
            out["n"] = self.n
        if self.why:
            out["why"] = self.why
        return out


@dataclass(frozen=True)
class PerRow:
    """A score per row as numerator over denominator, so that ratios (bits over bytes) are resampled as ratios."""

    top: np.ndarray  # [n]
    bottom: np.ndarray  # [n]

    def mean(self, index: np.ndarray | slice = slice(None)) -> np.ndarray:
        return self.top[index].sum(-1) / self.bottom[index].sum(-1)


@dataclass(frozen=True)
class Corpus(PerRow):
    """A score of all rows together, such as BLEU: `top` are the rows' own, for examples; the mean sums their counts first."""

    metric: str
    counts: np.ndarray  # [n, counts]

    @classmethod
    def of(cls, metric: str, answers: Sequence[str], golds: Sequence[str]) -> Corpus:
        each = np.asarray([METRICS[metric](a, g) for a, g in zip(answers, golds, strict=True)])
        return cls(each, np.ones(len(each)), metric, overlap.counts(metric, answers, golds))

    def mean(self, index: np.ndarray | slice = slice(None)) -> np.ndarray:
        if isinstance(index, slice) or index.ndim == 1:
            return np.asarray(overlap.of_counts(self.metric, self.counts[index].sum(0)))
        return np.asarray([overlap.of_counts(self.metric, self.counts[draw].sum(0)) for draw in index])


class Bootstrap:
    """Paired resampling: every arm is resampled with the same rows, so differences keep their pairing."""

    def __init__(self, arms: Mapping[str, PerRow], samples: int, seed: int) -> None:
        self.arms = arms
        self.n = len(next(iter(arms.values())).top)
        draws = np.random.Generator(np.random.PCG64(seed)).integers(0, self.n, (samples, self.n))
        self.means = {name: arm.mean(draws) for name, arm in arms.items()}  # [samples]

    def score(self, arm: str) -> Interval:
        return self._around(float(self.arms[arm].mean()), self.means[arm], self.n)

    def difference(self, a: str, b: str) -> Interval:
        if a not in self.arms or b not in self.arms:
            return Interval(None, why=f"there is no {b if a in self.arms else a} arm")
        point = float(self.arms[a].mean() - self.arms[b].mean())
        return self._around(point, self.means[a] - self.means[b])

    def gap_closed(self, arm: str) -> Interval:
        """(arm - base) / (teacher - base), resampled as a whole; null where teacher and base do not differ."""
        for needed in (arm, "teacher"):
            if needed not in self.arms:
                return Interval(None, why=f"there is no {needed} arm")
        gap = float(self.arms["teacher"].mean() - self.arms["base"].mean())
        if gap == 0:
            return Interval(None, why="teacher and base score the same: there is no gap to close")
        point = float(self.arms[arm].mean() - self.arms["base"].mean()) / gap
        gaps = self.means["teacher"] - self.means["base"]
        usable = np.abs(gaps) > 1e-12
        if usable.mean() < 0.95:
            return Interval(point, why="the gap between teacher and base is too small for an interval")
        return self._around(point, (self.means[arm] - self.means["base"])[usable] / gaps[usable])

    @staticmethod
    def _around(point: float, means: np.ndarray, n: int | None = None) -> Interval:
        low, high = np.percentile(means, [2.5, 97.5])
        return Interval(point, float(low), float(high), n)
