"""One answer as two models read it: the teacher's ids, and which of its positions stand for which of the student's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataRefused, ModelRejected
from .offsets import Span, Tokens, of_ids, of_text
from .spans import groups, numbered
from .spelling import Spelling

if TYPE_CHECKING:
    from ..rows import Example, Renderer, Row

KEPT = 50_000  # alignments kept, some hundred bytes each


@dataclass(frozen=True)
class Aligned:
    """n supervised positions of the student, m of the teacher, `spans` common spans; the end pair is the last of them.

    ids [L] is what the teacher reads, its answer is ids[start:]. student [n] and teacher [m] hold the span of each
    position, -1 outside (what only one template writes, control tokens, what was cut off).
    """

    ids: np.ndarray
    start: int
    student: np.ndarray
    teacher: np.ndarray
    spans: int
    words: tuple[list[bytes], list[bytes]]  # what each position's token spells, b"" for control tokens
    ended: bool  # whether the last span is the pair of end tokens
    _found: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def once(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """What is found out about these two readings is found out once."""
        if name not in self._found:
            self._found[name] = make()
        return self._found[name]

    @property
    def by_span(self) -> np.ndarray:
        """The teacher's position that predicts from the same text as the student's, -1 where there is none, [n].

        That is the first token of a span on both sides: up to there both have read the same bytes.
        """
        out = np.full(len(self.student), -1, dtype=np.int64)
        mine, first = np.unique(self.student, return_index=True)
        _, other = np.unique(self.teacher, return_index=True)
        out[first[mine >= 0]] = other[-self.spans :] if self.spans else ()
        return out

    @property
    def by_place(self) -> np.ndarray:
        """First to first, second to second, up to the shorter answer, [n]."""
        place = np.arange(len(self.student))
        return np.where(place < len(self.teacher), place, -1)


@dataclass
class Aligner:
    """Finds the teacher's reading of the student's rows. `rows` gives the conversation of each row id."""

    student: Renderer
    teacher: Renderer
    rows: Mapping[str, Row]
    context: int  # tokens the teacher can read
    shortened: int = 0  # answers so far that were longer than that
    apart: int = 0  # answers whose texts could not be found in both renderings
    _kept: dict[tuple[str, str], Aligned] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.spell = Spelling(self.student.tokenizer)
        self.spell_teacher = Spelling(self.teacher.tokenizer)

    def of(self, example: Example) -> Aligned:
        """Raises DataRefused when the row is unknown or the teacher's template refuses it."""
        key = (example.row_id, example.key)
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = self._made(example)
        return self._kept[key]

    def _made(self, example: Example) -> Aligned:
        if (row := self.rows.get(example.row_id)) is None:
            raise DataRefused(
                f"The conversation of row {example.row_id} is not at hand, so the teacher cannot read it in its own tokens.",
                field="data",
                hint="Use rows of the dataset, or the student's own answers to them.",
            )
        mine, text = self._student(example, row)
        prompt = self.teacher.prompt(row.messages)
        other = self._teacher(row, text)
        prompt, other = self._cut(prompt, other)
        left, right = _common(mine, other, text)
        if left is None or right is None:
            self.apart += 1
            left, right = [None] * len(mine.ids), [None] * len(other.ids)
        a, b = groups(left, right)
        if ended := mine.ids[-1] in self.student.eos and other.ids[-1] in self.teacher.eos:
            a, b = [*a, [len(mine.ids) - 1]], [*b, [len(other.ids) - 1]]
        words = ([self.spell(i) or b"" for i in mine.ids], [self.spell_teacher(i) or b"" for i in other.ids])
        ids = np.asarray([*prompt, *other.ids], dtype=np.int32)
        return Aligned(
            ids, len(prompt), numbered(a, len(mine.ids)), numbered(b, len(other.ids)), len(a), words, bool(ended)
        )

    def _student(self, example: Example, row: Row) -> tuple[Tokens, str]:
        """The student's answer with byte spans, and its text: of the row where the ids are its rendering, else as spelled."""
        ids = [int(i) for i in example.ids[example.start :]]
        if example.origin == "fixed" and row.answer is not None:
            told = _through_end(
                of_text(self.spell, self.student.conversation.answer(row.messages, row.answer)), self.student
            )
            if told.ids == ids:
                return told, row.answer
        told = of_ids(self.spell, ids)
        return told, told.text

    def _teacher(self, row: Row, text: str) -> Tokens:
        try:
            pieces = self.teacher.conversation.answer(row.messages, text)
        except ModelRejected as e:
            raise DataRefused(f"The teacher's template refuses row {row.row_id}: {e.message}", field="data") from e
        return _through_end(of_text(self.spell_teacher, pieces), self.teacher)

    def _cut(self, prompt: list[int], answer: Tokens) -> tuple[list[int], Tokens]:
        """Prompts are cut on the left; of an answer longer than the context the beginning stays."""
        if len(answer.ids) >= self.context:
            self.shortened += 1
            answer = Tokens(answer.ids[: self.context - 1], answer.spans[: self.context - 1], answer.text)
        return prompt[-(self.context - len(answer.ids)) :], answer


def _through_end(tokens: Tokens, renderer: Renderer) -> Tokens:
    """Through the first end token, which is added where the template writes none: as `Renderer.answer` does."""
    end = next((i for i, id in enumerate(tokens.ids) if id in renderer.eos), None)
    if end is None:
        return Tokens([*tokens.ids, renderer.eos[0]], [*tokens.spans, None], tokens.text)
    return Tokens(tokens.ids[: end + 1], tokens.spans[: end + 1], tokens.text)


def _common(mine: Tokens, other: Tokens, text: str) -> tuple[list[Span | None] | None, list[Span | None] | None]:
    """Spans of the answer's own text on both sides; templates may trim it. (None, None) when one of them changed it."""
    for part in dict.fromkeys((text, text.strip())):
        left, right = mine.within(part), other.within(part)
        if left is not None and right is not None:
            return left, right
    return None, None
