"""The frozen list of labels, which task a student has and why, and what a text answer says in terms of the list. Light."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ..errors import PlanRefused
from .spans import is_spans, spans_of_text

if TYPE_CHECKING:
    from ..recipe.labelling import Labelling
    from ..rows import Row

Task = Literal["generate", "classify", "tag"]
MOST = 10_000
AROUND = " \t\r\n.,;:!?\"'`*()[]{}"  # what a model puts around a label it names


@dataclass(frozen=True)
class Labels:
    """Names in the order of the output layer. Of a tagger: O, then B- and I- of each kind."""

    names: tuple[str, ...]
    task: Task
    kinds: tuple[str, ...] = ()  # of entities, for a tagger

    @classmethod
    def tags(cls, kinds: Sequence[str]) -> Labels:
        return cls(("O", *(f"{place}-{kind}" for kind in kinds for place in "BI")), "tag", tuple(kinds))

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def _loose(self) -> dict[str, int]:
        """Folded name -> place; names that differ in nothing else stand for nobody."""
        count = Counter(fold(n) for n in self.names)
        return {fold(n): i for i, n in enumerate(self.names) if count[fold(n)] == 1}

    def find(self, text: str) -> int | None:
        """Place of the label that a text names: itself, or itself but for case, punctuation around it and underscores."""
        found = self.index.get(text.strip())
        return self._loose.get(fold(text)) if found is None else found


def fold(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold().replace("_", " ")
    return re.sub(r"\s+", " ", plain.strip(AROUND))


@dataclass
class Unmatched:
    """Answers that name none of the labels, with the rows they stand in."""

    rows: list[tuple[str, str]] = field(default_factory=list)  # (row id, answer)

    def add(self, row_id: str, answer: str) -> None:
        self.rows.append((row_id, answer[:2000]))


def task_of(asked: str, kind: str, answers: Iterable[str | None]) -> tuple[Task, str]:
    """The student's task and the reason. `kind` is that of its architecture; `answers` are those of labelled rows.

    Raises PlanRefused where the architecture cannot do what is asked.
    """
    if asked == "generate" and kind == "encoder":
        raise PlanRefused(
            "This student is an encoder: it reads text and cannot write.",
            field="student.task",
            hint="Choose classify or tag, or a student that writes.",
        )
    if asked in ("classify", "tag") and kind == "encoder-decoder":
        raise PlanRefused(
            "This student reads with one stack and writes with another; it has no place for a label head.",
            field="student.task",
            hint="Choose generate: it writes the label as text. Or take an encoder or a causal model.",
        )
    if asked in ("generate", "classify", "tag"):
        return asked, "asked for"  # type: ignore[return-value]
    if kind != "encoder":
        return "generate", "the student's architecture writes text"
    known = [a for a in answers if a is not None]
    if known and all(is_spans(a) for a in known):
        return "tag", "the student is an encoder, and the answers are lists of spans"
    return "classify", "the student is an encoder, which cannot write: it names a label"


def labels_of(task: Task, asked: Labelling, rows: Sequence[Row], more: Iterable[str] = ()) -> Labels:
    """The list of the recipe, or else of the answers of `rows` (and the names `more`, of soft labels), sorted.

    Raises PlanRefused with the field where there are fewer than two labels, or more than an output layer should have.
    """
    names = list(asked.labels)
    if not names:
        said = (r.answer for r in rows if r.labelled and r.answer is not None)
        if task == "tag":
            names = sorted({kind for a in said for kind in kinds_of(a)} | set(more))
        else:
            names = sorted({a.strip() for a in said} | set(more))
    least, what = (1, "kinds of entity") if task == "tag" else (2, "labels")
    if len(names) < least:
        raise PlanRefused(
            f"A {'tagger' if task == 'tag' else 'classifier'} needs at least {least} {what}; the training rows have {len(names)}.",
            field="student.labelling.labels",
            hint="List the labels in the recipe, or give some training rows an answer.",
        )
    if len(names) > MOST:
        raise PlanRefused(
            f"The training rows have {len(names):,} different answers; a classifier has at most {MOST:,} labels.",
            field="student.task",
            hint="Answers as varied as these are written, not named: choose generate.",
            limit=MOST,
        )
    return Labels.tags(names) if task == "tag" else Labels(tuple(names), "classify")


def kinds_of(answer: str) -> set[str]:
    """Kinds of entity in an answer; none where it is no list of spans."""
    found = spans_of_text(answer)
    return set() if found is None else {s.kind for s in found}
