"""What every selection of rows looks like: rows and readings in, a weight for each row that stays out. Light: no torch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..parts import Described


@dataclass(frozen=True)
class Read:
    """What a model makes of one row: nats of the text it was asked about, its tokens in the model's own tokenizer, and the
    mean entropy of its predictions there (nats)."""

    nats: float
    tokens: int
    entropy: float = 0.0

    @property
    def per_token(self) -> float:
        return self.nats / max(1, self.tokens)

    @property
    def perplexity(self) -> float:
        return math.exp(min(700.0, self.per_token))

    @property
    def confidence(self) -> float:
        """Geometric mean of the probabilities of the tokens."""
        return math.exp(-self.per_token)


@dataclass(frozen=True)
class Candidate:
    """A row as selections see it."""

    row_id: str
    text: str
    domain: str = ""


@dataclass(frozen=True)
class Pool:
    """The rows to choose from. `read` gives the readings of `teacher` or `reference`; a row it could not read is missing."""

    rows: Sequence[Candidate]
    read: Callable[[str], Mapping[str, Read]]
    seed: int = 0

    def count(self, keep: float, of: int | None = None) -> int:
        return max(1, round(keep * (len(self.rows) if of is None else of)))


@dataclass(frozen=True)
class Chosen:
    """Weight of each row that stays, score of each row that has one, and in words what was decided."""

    weights: dict[str, float]
    scores: dict[str, float]
    note: str = ""
    facts: dict[str, float] = field(default_factory=dict)  # thresholds and the like, for the log
    domains: dict[str, str] = field(
        default_factory=dict
    )  # row id -> the domain it has from here on, where it is renamed


class Selection(Described, ABC):
    """A method. `needs` words: "teacher", "reference" (models that read the rows), "domains"."""

    kind: ClassVar[str] = "selection"
    needs: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def choose(self, pool: Pool, keep: float, options: Any) -> Chosen: ...


def top(scores: Mapping[str, float], count: int) -> dict[str, float]:
    """Weight 1 for the rows with the highest scores; ties go to the smaller id, so the choice is the same every time."""
    ranked = sorted(scores, key=lambda row_id: (-scores[row_id], row_id))
    return dict.fromkeys(ranked[:count], 1.0)
