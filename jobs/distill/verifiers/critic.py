"""A small classifier that learnt what people, or a check, accept: hashed runs of words and a logistic regression."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..errors import DataRefused
from ..parts import Options, Paper
from .base import Bench, Row, Verdict, Verifier, asked, written

if TYPE_CHECKING:
    import numpy as np

WORD = re.compile(r"\w+|[^\w\s]")
BUCKETS = 1 << 14
FEWEST = 8  # examples of each kind


class CriticOptions(Options):
    learn_from: str = Field(
        "vote",
        min_length=1,
        max_length=80,
        title="Learns from",
        description="A field of the rows that says true or false, or a number; or checks.ID, what an earlier check found "
        "(with rows that fail marked, not dropped).",
    )
    good_from: float = Field(
        0.5, ge=-1e6, le=1e6, title="Good from", description="Numbers from here on are accepted ones."
    )
    least: float = Field(0.5, ge=0, le=1, title="Accept from", description="Chance of being accepted that a row needs.")
    runs: int = Field(2, ge=1, le=4, title="Longest run of words")
    question: bool = Field(
        True, title="Reads the question too", description="Off: the answer alone, as for texts without a question."
    )
    ridge: float = Field(1.0, gt=0, le=1000, title="Ridge", description="Larger: simpler critic.")


class Critic(Verifier):
    id = "critic"
    title = "A small critic"
    summary = "A classifier learns from rows somebody accepted or rejected, and judges all the others by their words."
    when_to_use = (
        "Some hundred votes are at hand and many thousand rows are not: far cheaper than a judge for every row."
    )
    formula = r"\sigma\bigl(w^\top \phi(x, y)\bigr) \ge \tau,\quad \phi\ \text{hashed runs of words}"
    paper = Paper(
        title="Symbolic Knowledge Distillation: from General Language Models to Commonsense Models",
        authors="West, Bhagavatula, Hessel, Hwang, Jiang, Le Bras, Lu, Welleck, Choi", year=2022, venue="NAACL",
        url="https://arxiv.org/abs/2110.07178", arxiv="2110.07178",
    )  # fmt: skip
    Options = CriticOptions
    pooled = True

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        """Rows with a vote keep what was voted. Raises DataRefused where there are too few votes of either kind."""
        votes = [_vote(row, options) for row in rows]
        known = [i for i, v in enumerate(votes) if v is not None]
        good = sum(bool(votes[i]) for i in known)
        if min(good, len(known) - good) < FEWEST:
            raise DataRefused(
                f"The critic learns from {good} accepted and {len(known) - good} rejected rows; {FEWEST} of each are needed.",
                field="verify",
                hint=f"Review more rows, or name a field other than {options.learn_from!r}.",
            )
        features = [features_of(_text(row, options), options.runs) for row in rows]
        labels = [bool(votes[i]) for i in known]
        model = fit([features[i] for i in known], labels, options.ridge)
        right = cross_validated([features[i] for i in known], labels, options.ridge)
        chances = [model.chance(f) for f in features]
        out = [_verdict(c, v, options) for c, v in zip(chances, votes, strict=True)]
        bench.note(
            f"The critic learnt from {len(known):,} rows and is right on {right:.0%} of those it did not see "
            f"(always the commoner answer: {max(good, len(known) - good) / len(known):.0%}). "
            f"It accepts {sum(v.ok for v in out):,} of {len(rows):,} rows ({sum(v.ok for v in out) / len(rows):.0%})."
        )
        return out


def _vote(row: Row, options: CriticOptions) -> bool | None:
    where, _, id = options.learn_from.partition(".")
    value = row.fields.get("checks", {}).get(id) if where == "checks" and id else row.fields.get(options.learn_from)
    if isinstance(value, bool):
        return value
    return value >= options.good_from if isinstance(value, (int, float)) else None


def _text(row: Row, options: CriticOptions) -> tuple[str, str]:
    return (asked(row) if options.question else "", written(row))


def _verdict(chance: float, vote: bool | None, options: CriticOptions) -> Verdict:
    if vote is not None:
        return Verdict(vote, "" if vote else "it was rejected in review", float(vote))
    return Verdict(chance >= options.least, f"the critic gives it {chance:.0%}", chance)


# -- the classifier -------------------------------------------------------------------------------------------------------

Features = dict[int, float]  # bucket -> weight, of Euclidean length 1


@dataclass(frozen=True)
class Fitted:
    weights: np.ndarray  # [BUCKETS + 1], the last is the constant

    def chance(self, features: Features) -> float:
        import numpy as np

        z = self.weights[-1] + sum(self.weights[k] * v for k, v in features.items())
        return float(1 / (1 + np.exp(-np.clip(z, -40, 40))))


def features_of(parts: Sequence[str], runs: int) -> Features:
    """Runs of 1 to `runs` words of each part, hashed: present or not, and the length of each part in powers of two."""
    found: set[int] = set()
    for place, text in enumerate(parts):
        words = WORD.findall(text.casefold())[:5000]
        for n in range(1, runs + 1):
            for i in range(len(words) - n + 1):
                found.add(zlib.crc32(f"{place}:{' '.join(words[i : i + n])}".encode()) % BUCKETS)
        found.add(zlib.crc32(f"{place}:length:{len(words).bit_length()}".encode()) % BUCKETS)
    size = len(found) ** -0.5 if found else 0.0
    return dict.fromkeys(sorted(found), size)


def fit(rows: Sequence[Features], labels: Sequence[bool], ridge: float, steps: int = 200) -> Fitted:
    """Logistic regression with both kinds weighing alike, by gradient descent with momentum from zero: the same rows give
    the same weights."""
    import numpy as np

    index = np.concatenate([np.fromiter(r, dtype=np.int64) for r in rows])
    values = np.concatenate([np.fromiter(r.values(), dtype=np.float64) for r in rows])
    of = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    y = np.asarray(labels, dtype=np.float64)
    each = np.where(y == 1, 0.5 / max(1, y.sum()), 0.5 / max(1, len(y) - y.sum()))
    w, speed = np.zeros(BUCKETS + 1), np.zeros(BUCKETS + 1)
    for _ in range(steps):
        z = np.bincount(of, values * w[index], len(rows)) + w[-1]
        error = each * (1 / (1 + np.exp(-np.clip(z, -40, 40))) - y)
        slope: Any = np.bincount(index, values * error[of], BUCKETS + 1)
        slope[-1] = error.sum()
        slope[:-1] += ridge / len(rows) * w[:-1] * 0.1
        speed = 0.9 * speed - slope
        w = w + speed
    return Fitted(w)


def cross_validated(rows: Sequence[Features], labels: Sequence[bool], ridge: float, folds: int = 5) -> float:
    """Share of rows judged rightly by a critic that did not see them."""
    right = 0
    for k in range(folds):
        inside = [i for i in range(len(rows)) if i % folds != k]
        if len({labels[i] for i in inside}) < 2:
            continue
        model = fit([rows[i] for i in inside], [labels[i] for i in inside], ridge)
        right += sum((model.chance(rows[i]) >= 0.5) == labels[i] for i in range(k, len(rows), folds))
    return right / len(rows)
