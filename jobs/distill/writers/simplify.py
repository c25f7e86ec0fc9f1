"""Texts in a small vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about
from .template import Prompt
from .texts import NUMBER, raw, stripped, words

if TYPE_CHECKING:
    from ..rows import Row


class Simplify(Writer):
    """The row's text, or its answer where it has one, is told again with allowed words; words outside are named in a
    second try. What then still uses too many is left out."""

    id = "simplify"
    title = "Simpler language"
    summary = "The model rewrites a text with a small vocabulary; the share of allowed words is checked."
    when_to_use = "A tiny model should learn a language it can hold: less noise, fewer words."
    formula = r"\hat d \sim p_T(\cdot \mid d, V),\quad \frac{|\{w \in \hat d : w \in V\}|}{|\hat d|} \ge \tau"
    paper = Paper(
        title="TinyHelen's First Curriculum: Training and Evaluating Tiny Language Models in a Simpler Language Environment",
        authors="Yang, Kindratenko, Zhai",
        year=2024,
        url="https://arxiv.org/abs/2501.00522",
        arxiv="2501.00522",
    )
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "text": "what is rewritten",
        "size": "how many words are allowed",
        "allowed": "the allowed words, up to 400 of them",
        "outside": "words of the first try that are not allowed",
        "first": "the first try",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "simplify": Prompt(
            "{{text}}\n\n---\nWrite this again in very simple language. Use only common words, from a list of {{size}} "
            "words such as:\n{{allowed}}\n\nShort sentences, each with one thought. Keep what the text says; leave out "
            "remarks, links and noise. Write the new text alone."
        ),
        "again": Prompt(
            "{{first}}\n\n---\nThese words are not allowed:\n{{outside}}\n\nWrite the text again and say the same with "
            "words such as:\n{{allowed}}\n\nWrite the new text alone."
        ),
    }

    class Options(Options):
        vocabulary: list[str] = Field(
            [],
            max_length=200_000,
            title="Allowed words",
            description="One a line, in small letters. Empty: the most frequent words of the rows.",
        )
        size: int = Field(
            2000, ge=10, le=200_000, title="Words allowed", description="How many of the most frequent, without a list."
        )
        share: float = Field(
            0.99, gt=0, le=1, title="Share of allowed words", description="Numbers always count as allowed."
        )

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        allowed = vocabulary(rows, options)
        for row in rows:
            yield Seed(row.row_id, (row,), {"allowed": allowed})

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, ranked = seed.row, seed.values["allowed"]
        allowed = frozenset(ranked)
        values = about(row, text=row.answer or row.question, size=len(allowed), allowed=", ".join(ranked[:400]))
        (reply,) = yield [desk.ask("simplify", values)]
        text = stripped(reply.text)
        if share(text, allowed) < options.share:
            wrong = outside(text, allowed)
            again = {**values, "first": text, "outside": ", ".join(wrong[:100])}
            (reply,) = yield [desk.ask("again", again)]
            text = stripped(reply.text)
        found = share(text, allowed)
        if found < options.share:
            wrong = outside(text, allowed)
            raise Unusable(
                f"{found:.1%} of its words are allowed, {options.share:.1%} are wanted; not: {', '.join(wrong[:8])}"
            )
        fields = {**row.fields, "allowed_share": round(found, 4)}
        if row.answer is None:
            return [replace(raw(text, **fields), same=True)]
        return [Made(row.messages, text, {**fields, "gold": row.fields.get("gold", row.answer)}, same=True)]


def vocabulary(rows: Sequence[Row], options: Any) -> tuple[str, ...]:
    """The allowed words, in small letters, most frequent first."""
    if options.vocabulary:
        return tuple(dict.fromkeys(w for line in options.vocabulary for w in words(line)))
    counts = Counter(w for r in rows for w in words(f"{r.question} {r.answer or ''}"))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(w for w, _ in ranked[: options.size])


def share(text: str, allowed: frozenset[str]) -> float:
    """Share of the words that are allowed, numbers included; 0 for a text without words and numbers."""
    found, numbers = words(text), len(NUMBER.findall(text))
    good = sum(w in allowed for w in found) + numbers
    return good / (len(found) + numbers) if found or numbers else 0.0


def outside(text: str, allowed: frozenset[str]) -> list[str]:
    """Words that are not allowed, each once, in the order of the text."""
    return list(dict.fromkeys(w for w in words(text) if w not in allowed))
