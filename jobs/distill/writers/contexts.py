"""One question about a long text, answered twice: from the short passage it is about, and from the whole."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer
from .template import Prompt
from .texts import stripped


class ShortAndLong(Writer):
    """A passage is drawn from the row's text; a question is written about it, and answered from both."""

    id = "short-and-long"
    title = "Short and long context"
    summary = "A question about one passage of a long text, answered from the passage and from the whole text: two rows that share it."
    when_to_use = "Before the rule short-over-long: the rows are long texts, questions need not be there."
    formula = (
        r"x \sim q(\cdot \mid c),\quad y_s \sim q(\cdot \mid c, x),\quad y_l \sim q(\cdot \mid C, x),\quad c \subset C"
    )
    paper = Paper(
        title="LongPO: Long Context Self-Evolution of Large Language Models through Short-to-Long Preference Optimization",
        authors="Chen, Li, Shieh, Bing", year=2025, venue="ICLR", url="https://arxiv.org/abs/2502.13922",
        arxiv="2502.13922",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "passage": "the short passage",
        "text": "the passage, or the whole text",
        "instruction": "the question about the passage",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "question": Prompt("{{passage}}\n\nWrite one question that this text answers. Write the question alone."),
        "answer": Prompt("{{text}}\n\n{{instruction}}"),
    }

    class Options(Options):
        passage: int = Field(
            200,
            ge=5,
            le=100_000,
            title="Words of a passage",
            description="Cut between paragraphs where there are some.",
        )
        asks: str = Field("", max_length=40, title="Who asks", description="Empty: who writes.")

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        whole = seed.row.question
        passages = cut(whole, options.passage)
        if len(passages) < 2:
            raise Unusable(f"the text is no longer than one passage of {options.passage} words")
        drawn = desk.random(seed).randrange(len(passages))
        passage = passages[drawn]
        (reply,) = yield [desk.ask("question", {"passage": passage}, options.asks, temperature=0.0, max_new_tokens=128)]
        question = stripped(reply.text).removeprefix("Question:").strip()
        if not question:
            raise Unusable("the question is empty")
        short, long = yield [desk.ask("answer", {"text": text, "instruction": question}) for text in (passage, whole)]
        if not short.text.strip() or not long.text.strip():
            raise Unusable("one of the answers is empty")
        name = hashlib.sha256(f"{seed.id}:{desk.number}:{question}".encode()).hexdigest()[:12]
        turns = desk.prompts["answer"].messages({"text": whole, "instruction": question})
        short_turns = desk.prompts["answer"].messages({"text": passage, "instruction": question})
        own = {"instruction_id": name, "privileged": passage, "privileged_prompt": [dict(t) for t in short_turns]}
        return [
            Made(turns, reply.text.strip(), {**own, "context": context})
            for context, reply in (("short", short), ("long", long))
        ]


def cut(text: str, words: int) -> list[str]:
    """Passages of about so many words: whole paragraphs together, a longer paragraph by itself in parts."""
    out, held, count = list[str](), list[str](), 0
    for paragraph in (p for p in text.split("\n\n") if p.strip()):
        own = paragraph.split()
        parts = [" ".join(own[i : i + words]) for i in range(0, len(own), words)] if len(own) > words else [paragraph]
        for part in parts:
            size = len(part.split())
            if held and count + size > words:
                out.append("\n\n".join(held))
                held, count = [], 0
            held.append(part)
            count += size
    return [*out, "\n\n".join(held)] if held else out
