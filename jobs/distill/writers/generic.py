"""A text with its particular names replaced by ordinary ones: what a model that never read it would expect."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about
from .common import KEPT
from .template import Prompt

ARROW = re.compile("=>|->|→")


class GenericWords(Writer):
    """Asks which words belong to this text alone and what stands for them elsewhere, then rewrites the text by that list."""

    id = "generic-words"
    title = "Ordinary words for particular ones"
    summary = (
        "Names and inventions of a text are replaced by common words of the same kind; the list is kept with the row."
    )
    when_to_use = "A model shall forget a text: what it may say instead is needed, beside the arithmetic of logits."
    formula = r"x' = x[a_1 \to g_1, \dots, a_n \to g_n]"
    paper = Paper(
        title="Who's Harry Potter? Approximate Unlearning in LLMs", authors="Eldan, Russinovich", year=2023,
        url="https://arxiv.org/abs/2310.02238", arxiv="2310.02238",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "text": "the row's answer, or its question where it has none",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "list": Prompt(
            "Text: {{text}}\n\nList the words of this text that belong to it alone: invented names, places, things and sayings. For each write "
            "an ordinary expression of the same kind that would fit in its place. One a line, in this form and nothing else:\nparticular => ordinary"
        )
    }

    class Options(Options):
        most: int = Field(100, ge=1, le=10_000, title="Replacements a text, at most")

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        text = row.answer or row.question
        (reply,) = yield [desk.ask("list", about(row, text=text))]
        found = {a: g for a, g in listed(reply.text)[: options.most] if a in text and a != g}
        if not found:
            raise Unusable("none of the listed words stands in the text")
        own = {name: row.fields[name] for name in KEPT if row.fields.get(name) is not None}
        fields = {**own, "task": "generic", "replaced": found, "original": text}
        changed = replaced(text, found)
        if row.answer:
            return [Made(row.messages, changed, fields)]
        return [Made((*row.messages[:-1], {"role": "user", "content": changed}), "", fields)]


def listed(reply: str) -> list[tuple[str, str]]:
    """(particular, ordinary) of each line that has an arrow with something on both sides."""
    sides = (tuple(side.strip() for side in ARROW.split(line, maxsplit=1)) for line in reply.splitlines())
    return [(s[0], s[1]) for s in sides if len(s) == 2 and all(s)]


def replaced(text: str, words: dict[str, str]) -> str:
    """Every listed word by its ordinary one, the longest first, whole words only, nothing twice."""
    pattern = "|".join(rf"(?<!\w){re.escape(w)}(?!\w)" for w in sorted(words, key=len, reverse=True))
    return re.sub(pattern, lambda m: words[m[0]], text)
