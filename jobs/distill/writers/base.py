"""What every writer looks like: seeds in, questions to a model, rows out. Light: no torch.

A writer is a generator a seed: it yields the questions of a step and gets their replies back, as plain code that reads
from top to bottom; the stage runs many of them at once. Replies that are no answers never reach a writer.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ..asking import Reply, Request
from ..parts import Described
from .template import Prompt

if TYPE_CHECKING:
    from ..rows import Row


class Unusable(Exception):
    """What a model said cannot be made a row; the text says why. The seed is listed among the rejected rows."""


@dataclass(frozen=True)
class Seed:
    """What one writing starts from: a row, several rows, or values a writer made up. `id` is stable between attempts."""

    id: str
    rows: tuple[Row, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> Row:
        return self.rows[0]


@dataclass(frozen=True)
class Question:
    """A request, and whom it goes to: empty is who the stage says writes. `measures`: a reply that is cut off, empty or
    refused comes back too, because it says something about who was asked; else it ends the seed."""

    request: Request
    to: str = ""
    measures: bool = False


@dataclass(frozen=True)
class Made:
    """A row as a writer makes it. `same` keeps the seed's row id: the row with another answer, not a new one.

    `left_out` says why this one of several is no row after all: it is listed among the rejected rows.
    """

    messages: tuple[Mapping[str, str], ...]
    answer: str | None  # None: the one user turn is raw text, for training on all of it
    fields: Mapping[str, Any] = field(default_factory=dict)
    same: bool = False
    left_out: str = ""


Steps = Generator[list[Question], list[Reply], list[Made]]


@dataclass(frozen=True)
class Desk:
    """What a writer writes with: prompts by step, the stage's decoding, which candidate this is, the data."""

    prompts: Mapping[str, Prompt]
    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    number: int = 0
    seed: int = 0
    rows: Sequence[Row] = ()  # the whole pool: examples, labels
    student_says: Mapping[str, str] = field(default_factory=dict)  # row id -> the student's answer, where it was graded

    def ask(
        self, step: str, values: Mapping[str, Any], to: str = "", number: int | None = None, **changes: Any
    ) -> Question:
        """The question of a step; `changes` are fields of Request."""
        return self.say(self.prompts[step].messages(values), to, number, **changes)

    def say(
        self, messages: Sequence[Mapping[str, str]], to: str = "", number: int | None = None, **changes: Any
    ) -> Question:
        """A question in turns of its own, such as the row's conversation as it is."""
        settings: dict[str, Any] = {
            "max_new_tokens": self.max_new_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "number": self.number if number is None else number,
            "seed": self.seed,
        }
        settings |= changes
        if settings["temperature"] == 0:  # one greedy answer, whatever is drawn elsewhere: never paid for twice
            settings |= {"number": 0, "seed": 0}
        return Question(Request(tuple(dict(m) for m in messages), **settings), to)

    def random(self, seed: Seed, salt: str = "") -> random.Random:
        """Draws that depend on (run seed, seed, candidate) alone."""
        return random.Random(f"{self.seed}:{seed.id}:{self.number}:{salt}")  # noqa: S311 - a draw, no secret


class Writer(Described, ABC):
    """A part that makes rows. `prompts` are its steps and their wording, `variables` what they may use: name -> meaning.

    answers: it writes an answer to the row's question, so that the same asking can score the teacher on held-out rows.
    pairs: its rows have a chosen and a rejected answer.
    """

    kind: ClassVar[str] = "writer"
    prompts: ClassVar[Mapping[str, Prompt]] = {}
    variables: ClassVar[Mapping[str, str]] = {}
    answers: ClassVar[bool] = False
    pairs: ClassVar[bool] = False
    selective: ClassVar[bool] = False  # that nothing is to be written is an outcome: all seeds may be left out

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        """What to start from; one seed a row unless a writer says otherwise. `rows` are those the stage chose."""
        return (Seed(r.row_id, (r,)) for r in rows)

    def check(self, options: Any, field: str) -> None:
        """Raises RecipeInvalid for options that cannot work together."""

    @abstractmethod
    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        """Yields lists of questions, receives their replies in order, returns the rows. Raises Unusable."""


# -- what writers have in common ------------------------------------------------------------------------------------------


def about(row: Row, **more: Any) -> dict[str, Any]:
    """The variables that every prompt about a row may use."""
    return {
        "question": row.question,
        "answer": row.fields.get("gold", row.answer),
        "rationale": row.fields.get("rationale"),
        "domain": row.fields.get("domain"),
        "conversation": "\n".join(f"{m['role']}: {m['content']}" for m in row.messages),
        **more,
    }


ROW_VARIABLES = {
    "question": "the last user turn of the row",
    "answer": "the gold answer, where the row has one",
    "rationale": "the reasoning that came with the row",
    "domain": "the row's domain",
    "conversation": "all turns of the row",
}


def answered(row: Row, answer: str, **fields: Any) -> Made:
    """The row with another answer; what it had is kept as gold."""
    if not answer.strip():
        raise Unusable("the answer is empty")
    gold = {"gold": row.answer} if row.answer is not None and "gold" not in row.fields else {}
    return Made(row.messages, answer.strip(), {**row.fields, **gold, **fields}, same=True)


def new(question: str, answer: str, system: str = "", **fields: Any) -> Made:
    """A row of its own: one question and its answer."""
    if not question.strip():
        raise Unusable("the question is empty")
    before: tuple[dict[str, str], ...] = ({"role": "system", "content": system},) if system.strip() else ()
    return Made((*before, {"role": "user", "content": question.strip()}), answer.strip(), fields)


def shots(rows: Sequence[Row], n: int, rng: random.Random, without: str = "") -> list[Row]:
    """`n` answered rows drawn without repetition, never the row they are examples for."""
    pool = [r for r in rows if r.answer and r.row_id != without]
    return rng.sample(pool, min(n, len(pool)))


def example_text(rows: Iterable[Row]) -> str:
    return "\n\n".join(f"Question: {r.question}\nAnswer: {r.answer}" for r in rows)


def one(steps: Steps, replies: Iterator[list[Reply]]) -> list[Made]:
    """Runs one generator to its end with these replies; for previews and tests."""
    try:
        next(steps)
        while True:
            steps.send(next(replies))
    except StopIteration as done:
        return list(done.value)
