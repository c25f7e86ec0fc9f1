"""What every way of answering looks like: a row in, questions to adapters, one answer out, and what each path alone would say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ..asking import Reply, Request
from ..parts import Described
from ..writers.base import Question

if TYPE_CHECKING:
    from ..rows import Row


@dataclass(frozen=True)
class Answered:
    """`alone`: what each single path says, by its name. `facts`: numbers or yes/no that the report averages."""

    text: str
    alone: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)


Steps = Generator[list[Question], list[Reply], Answered]


@dataclass(frozen=True)
class Hand:
    """What a way of answering works with. `made` are the rows that earlier stages wrote, by the stage's name."""

    max_new_tokens: int
    temperature: float = 0.7
    seed: int = 0
    made: Mapping[str, Sequence[Row]] = field(default_factory=dict)

    def ask(self, row: Row, text: str, to: str, number: int = 0, sample: bool = False) -> Question:
        """The row's other turns with `text` as the last, to an adapter: `student`, `base`, or `stage:NAME`."""
        return self.say((*row.messages[:-1], {"role": "user", "content": text}), to, number, sample)

    def say(self, messages: Sequence[Mapping[str, str]], to: str, number: int = 0, sample: bool = False) -> Question:
        heat = self.temperature if sample else 0.0
        turns = tuple(dict(m) for m in messages)
        return Question(Request(turns, self.max_new_tokens, heat, number=number, seed=self.seed), to)


class Way(Described, ABC):
    """A part that answers with a student. `files` go into the exported adapter's folder; `words` tell people how to use it."""

    kind: ClassVar[str] = "decoding"
    words: ClassVar[str] = ""

    def adapters(self, options: Any) -> list[str]:
        """Names of the stages whose adapters are used beside the student's own."""
        return []

    def files(self, options: Any, hand: Hand) -> dict[str, bytes]:
        """What is exported beside the adapter, by file name."""
        return {}

    @abstractmethod
    def answer(self, row: Row, options: Any, hand: Hand) -> Steps:
        """Yields lists of questions, receives their replies in order, returns the answer."""


def of_stage(name: str) -> str:
    """Whom a question goes to that is for the adapter of a stage; the student as it is where no stage is named."""
    return f"stage:{name}" if name else "student"


def majority(answers: Sequence[str]) -> str:
    """The commonest answer, the first of several as common; equal numbers are equal answers."""
    from ..writers.common import vote

    place, _ = vote(answers)
    return answers[place] if place >= 0 else ""
