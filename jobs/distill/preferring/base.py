"""What every preference rule looks like: the answers to one question in, a pair or a ranking out. Light: no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..parts import Described
from ..verifiers.base import Bench, Row


@dataclass(frozen=True)
class Group:
    """A question with its answers. `gold` is what the data say, where they do."""

    question: Sequence[dict[str, str]]
    rows: Sequence[Row]
    gold: str | None = None


@dataclass(frozen=True)
class Preferred:
    """`ranked`: answers, best first (two for a pair). `scores` go with them. Empty: the rule finds no preference, and why."""

    ranked: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    why: str = ""
    sources: tuple[str, ...] = ()  # who wrote each answer
    fields: dict[str, Any] = field(default_factory=dict)


class Rule(Described, ABC):
    """A part that prefers. `needs` are words as in verifiers.base.Verifier."""

    kind: ClassVar[str] = "preference-rule"
    needs: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def prefer(self, groups: Sequence[Group], options: Any, bench: Bench) -> list[list[Preferred]]:
        """For each group its pairs or rankings, in order; one with `why` alone says there is none."""
