"""What a text must name: a label of a set, required words, every fact that it was given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import Field, field_validator

from ..errors import DataRefused
from ..parts import Options
from .base import Bench, EachRow, Row, Verdict, Verifier, asked, gold_of, shown, written
from .finals import SameOptions, final, normal
from .where import WHERE, Where, text_of

WORD = re.compile(r"\w+")
_LITTLE = (
    "a an and are as at be but by for from had has have he her his i in is it its of on or she that the their they this to "
    "was we were will with you"
)
LITTLE = frozenset(_LITTLE.split())


class LabelOptions(SameOptions):
    labels: tuple[str, ...] = Field(
        (),
        max_length=5000,
        title="Labels",
        description="One a line; empty: every right answer that stands in the data is a label.",
    )


class LabelInSet(Verifier):
    id = "label-in-set"
    title = "Label of the set"
    summary = "Keeps a row when its answer is one of the labels, however it is written."
    when_to_use = "A generative teacher that labels: it invents labels and adds explanations."
    formula = r"n(y) \in \{n(c) : c \in C\}"
    Options = LabelOptions

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        labels = options.labels or sorted({g for r in (*rows, *bench.heldout) if (g := gold_of(r)) is not None})
        if not labels:
            raise DataRefused("No labels are given and no row brings a right answer.", field="verify", hint="List the labels.")  # fmt: skip
        how = {"case": options.case, "punctuation": options.punctuation, "articles": options.articles}
        known = {normal(label, **how): label for label in labels}
        out = []
        for row in rows:
            said = final(written(row), options.take)
            if said is None:
                out.append(Verdict(False, "no label stands after a marker"))
            elif (key := normal(said, **how)) in known:
                out.append(Verdict(True, known[key]))
            else:
                near = get_close_matches(key[:200], known, 1, 0.7)
                hint = f"; the nearest is {shown(known[near[0]])}" if near else ""
                out.append(Verdict(False, f"{shown(said)} is none of the {len(known):,} labels{hint}"))
        return out


class WordOptions(Options):
    required: tuple[str, ...] = Field(
        (),
        max_length=200,
        title="Required",
        description="Words or phrases, one a line; whole words, case does not count.",
    )
    field: str = Field(
        "",
        max_length=60,
        pattern=r"^[A-Za-z0-9_-]*$",
        title="Required of the row",
        description="Name of a field of the row that lists further required words.",
    )
    forbidden: tuple[str, ...] = Field(
        (), max_length=200, title="Forbidden", description="Words or phrases, one a line, that drop the row."
    )
    least: float = Field(
        1.0, ge=0, le=1, title="Share required", description="Of the required words that must stand in the text."
    )
    where: Where = WHERE


class Contains(EachRow):
    id = "contains"
    title = "Required and forbidden words"
    summary = "Keeps a row when its text has the required words and none of the forbidden ones."
    when_to_use = "Constraints that were given to the writer: keywords, names, “as an AI model” never."
    formula = r"\frac{|\{w \in R : w \in y\}|}{|R|} \ge \tau \,\wedge\, F \cap y = \emptyset"
    Options = WordOptions

    def one(self, row: Row, options: WordOptions) -> Verdict:
        text = _spaced(text_of(row, options.where))
        for phrase in options.forbidden:
            if _stands(phrase, text):
                return Verdict(False, f"has the forbidden {shown(phrase)}")
        required = (*options.required, *listed(row, options.field))
        missing = [p for p in required if not _stands(p, text)]
        share = 1 - len(missing) / len(required) if required else 1.0
        if share >= options.least:
            return Verdict(True, score=share)
        return Verdict(
            False, f"{len(missing)} of {len(required)} required words are missing, first {shown(missing[0])}", share
        )


def listed(row: Row, field: str) -> tuple[str, ...]:
    """The texts that a field of the row lists; a single text is one."""
    value = row.fields.get(field) if field else None
    if isinstance(value, str):
        return (value,)
    return tuple(str(v) for v in value) if isinstance(value, list | tuple) else ()


def _spaced(text: str) -> str:
    return f" {' '.join(WORD.findall(normal(text, punctuation=True)))} "


def _stands(phrase: str, spaced: str) -> bool:
    """Whole words in a row; a phrase without words (a sign) stands nowhere and is never forbidden."""
    return (words := _spaced(phrase)) != "  " and words in spaced


class FactsOptions(Options):
    field: str = Field(
        "facts",
        max_length=60,
        pattern=r"^[A-Za-z0-9_-]+$",
        title="Facts in",
        description="Name of the field of the row that lists the facts or sentences.",
    )
    by: Literal["words", "marks"] = Field(
        "words",
        title="A fact is named by",
        description="words: enough of its content words stand in the text. marks: [1], [2], … in the order of the list.",
    )
    overlap: float = Field(
        0.6,
        gt=0,
        le=1,
        title="Words of a fact",
        description="Share of a fact's content words that must stand in the text.",
    )
    least: float = Field(1.0, gt=0, le=1, title="Share of the facts", description="That must be named.")
    where: Where = WHERE


class EveryFact(EachRow):
    id = "every-fact"
    title = "Every fact is used"
    summary = "Keeps a row when its text names every fact it was given, and with marks no fact that was not."
    when_to_use = "Texts from tables, records and notes; reasoning that must cite each sentence it was given."
    formula = r"\frac{1}{|F|}\sum_{f \in F} \mathbb{1}\left[\frac{|w(f) \cap w(y)|}{|w(f)|} \ge \tau\right] \ge s"
    Options = FactsOptions

    def one(self, row: Row, options: FactsOptions) -> Verdict:
        facts = listed(row, options.field)
        if not facts:
            return Verdict(False, f"the row's field {options.field!r} lists no facts")
        text = text_of(row, options.where)
        if options.by == "marks":
            cited = {int(m) for m in re.findall(r"\[(\d{1,3})\]", text)}
            if unknown := sorted(cited - set(range(1, len(facts) + 1))):
                return Verdict(False, f"cites [{unknown[0]}], and there are {len(facts)} facts")
            missing = [f for i, f in enumerate(facts, 1) if i not in cited]
        else:
            words = content_words(text)
            missing = [f for f in facts if _overlap(content_words(f), words) < options.overlap]
        share = 1 - len(missing) / len(facts)
        if share >= options.least:
            return Verdict(True, score=share)
        return Verdict(False, f"{len(missing)} of {len(facts)} facts are not named, first {shown(missing[0])}", share)


def content_words(text: str) -> frozenset[str]:
    """Words and numbers of a text without the commonest little words of English."""
    return frozenset(WORD.findall(normal(text, punctuation=True))) - LITTLE


def _overlap(wanted: frozenset[str], found: frozenset[str]) -> float:
    return len(wanted & found) / len(wanted) if wanted else 1.0


class GroundedOptions(Options):
    kind: Literal["numbers", "items", "words"] = Field(
        "numbers",
        title="What must stand there",
        description="numbers: every number of the answer. items: every thing the answer lists, word for word. words: content words.",
    )
    source: str = Field(
        "",
        max_length=60,
        pattern=r"^[A-Za-z0-9_-]*$",
        title="Source",
        description="Name of the field of the row with the source text; empty: the question.",
    )
    least: float = Field(1.0, gt=0, le=1, title="Share", description="Of them that must stand in the source.")

    @field_validator("least")
    @classmethod
    def _rounded(cls, least: float) -> float:
        return round(least, 6)


class Grounded(EachRow):
    id = "grounded"
    title = "Stands in the source"
    summary = "Keeps a row when the numbers, listed things or words of its answer stand in the source text."
    when_to_use = (
        "Extraction and summaries. It finds invented names and numbers; it does not judge what is said about them."
    )
    formula = r"\frac{|u(y) \cap u(x)|}{|u(y)|} \ge \tau"
    Options = GroundedOptions

    def one(self, row: Row, options: GroundedOptions) -> Verdict:
        source = "\n".join(listed(row, options.source)) if options.source else asked(row)
        if not source:
            return Verdict(False, f"the row has no source text in {options.source or 'its question'}")
        missing, count = _ungrounded(written(row), source, options.kind)
        share = 1 - len(missing) / count if count else 1.0
        if share >= options.least:
            return Verdict(True, score=share)
        return Verdict(False, f"{len(missing)} of {count} {options.kind} do not stand in the source, first {shown(missing[0])}", share)  # fmt: skip


def _ungrounded(answer: str, source: str, kind: str) -> tuple[list[str], int]:
    """What does not stand in the source, and how many were looked for."""
    if kind == "numbers":
        from .numbers import numbers

        known = {abs(n.value) for n in numbers(source)}
        said = list(numbers(answer))
        return [n.text for n in said if abs(n.value) not in known], len(said)
    if kind == "items":
        from .sets import things_of

        text, things = normal(source, punctuation=True), things_of(answer)
        return [t for t in things if normal(t, punctuation=True) not in text], len(things)
    words = sorted(content_words(answer))
    inside = content_words(source)
    return [w for w in words if w not in inside], len(words)
