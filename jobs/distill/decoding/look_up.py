"""Entries of a library beside the weights: the nearest ones stand before the question."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..parts import Options
from ..retrieval.bm25 import BM25
from ..writers.knowledge import HEADING, Knowledge, with_entries
from .base import Answered, Hand, Steps, Way, of_stage

if TYPE_CHECKING:
    from ..rows import Row

FILE = "library.json"


def entries_of(hand: Hand, stages: Sequence[str]) -> list[dict[str, str]]:
    """The library: when an entry fits (the question it was written for) and what it says, each once."""
    found: dict[str, dict[str, str]] = {}
    for name, rows in hand.made.items():
        if not stages or any(name == s or name.startswith(f"{s} ") for s in stages):
            for row in rows:
                if row.fields.get("entry"):
                    found.setdefault(
                        str(row.fields["entry"]), {"when": row.question, "entry": str(row.fields["entry"])}
                    )
    return list(found.values())


class LookUp(Way):
    id = "look-up"
    title = "With entries looked up"
    summary = "The entries of the library that are nearest to the question stand before it; the library is a file that people can edit."
    when_to_use = "After a stage wrote knowledge from errors, or strategies."
    formula = r"\hat y \sim q(\cdot \mid \mathrm{top}_n(K, x), x)"
    paper = Knowledge.paper
    words = f"`{FILE}` holds the entries: change, add or remove them. Put the nearest before the question as in `form`."

    class Options(Options):
        stages: list[str] = Field(
            default_factory=list, max_length=20, title="Stages", description="That wrote the entries; empty: all."
        )
        entries: int = Field(2, ge=1, le=20, title="Entries a question")
        heading: str = Field(HEADING, max_length=500, title="Heading")
        stage: str = Field(
            "", max_length=80, title="Stage", description="Whose adapter answers; empty: the student as it ends."
        )
        base: bool = Field(
            False, title="Without an adapter", description="The untouched student answers: no weights are changed."
        )

    def adapters(self, options: Any) -> list[str]:
        return [options.stage] if options.stage else []

    def files(self, options: Any, hand: Hand) -> dict[str, bytes]:
        library = {
            "form": with_entries(options.heading, ["ENTRY"], "QUESTION"),
            "entries_a_question": options.entries,
            "entries": entries_of(hand, options.stages),
        }
        return {FILE: (json.dumps(library, indent=1, ensure_ascii=False) + "\n").encode()}

    def answer(self, row: Row, options: Any, hand: Hand) -> Steps:
        library = entries_of(hand, options.stages)
        chosen = nearest(library, row.question, options.entries)
        to = "base" if options.base else of_stage(options.stage)
        asked = [hand.say(row.messages, to)]
        if chosen:
            asked.append(hand.ask(row, with_entries(options.heading, chosen, row.question), to))
        replies = yield asked
        return Answered(
            replies[-1].text.strip(), {"without entries": replies[0].text.strip()}, {"entries": len(chosen)}
        )


def nearest(library: Sequence[dict[str, str]], question: str, most: int) -> list[str]:
    """The entries whose question and text share most words with this one; none where nothing is shared."""
    if not library:
        return []
    texts = tuple(f"{e['when']} {e['entry']}" for e in library)
    return [library[f.place]["entry"] for f in _index(_key(texts), texts).search(question, most)]


def _key(texts: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


@lru_cache(maxsize=4)
def _index(key: str, texts: tuple[str, ...]) -> BM25:
    return BM25(texts)
