"""Instructions for texts that nobody asked for: the backward direction as rows to learn, and as a question to ask."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about, new
from .common import KEPT, for_task
from .template import Prompt

HUMPBACK = Paper(
    title="Self-Alignment with Instruction Backtranslation",
    authors="Li, Yu, Zhou, Schick, Levy, Zettlemoyer, Weston, Lewis", year=2024, venue="ICLR",
    url="https://arxiv.org/abs/2308.06259", arxiv="2308.06259",
)  # fmt: skip


def ask_back(text: str) -> str:
    """What the backward model reads: the text, and to whom it is an answer."""
    return f"{text.strip()}\n\nWrite the instruction that this text answers."


class Backward(Writer):
    """The row turned round: the answer is read, the question is learnt. Nobody is asked."""

    id = "backward"
    title = "Rows turned round"
    summary = "Question and answer change places, so that a model learns to say which instruction a text answers."
    when_to_use = (
        "Before instructions are written for unlabelled texts: the backward direction is a stage of its own adapter."
    )
    formula = r"p(x \mid y)"
    paper = HUMPBACK

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        if not row.answer:
            raise Unusable("the row has no answer to turn round")
        yield []
        return [for_task(row, "backward", ask_back(row.answer), row.question)]


class InstructionFor(Writer):
    """The text of an unlabelled row becomes an answer; the model writes the instruction to it."""

    id = "instruction-for"
    title = "Instructions for texts"
    summary = "The model writes the instruction that a text would be a good answer to; the text itself stays as it is."
    when_to_use = "Many good texts of people, and few instructions."
    formula = r"\hat x \sim p(x \mid y),\quad y \text{ a text of the corpus}"
    paper = HUMPBACK
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "text": "the text of the row"}
    prompts: ClassVar[dict[str, Prompt]] = {"instruction": Prompt(ask_back("{{text}}"))}

    class Options(Options):
        longest: int = Field(
            200,
            ge=3,
            le=10_000,
            title="Longest instruction (words)",
            description="A longer one tells the answer instead of asking for it.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        text = (row.answer or row.question).strip()
        (reply,) = yield [desk.ask("instruction", about(row, text=text))]
        asked = reply.text.strip().strip('"').strip()
        words = len(asked.split())
        if words > options.longest:
            raise Unusable(f"the instruction has {words} words, at most {options.longest} are allowed")
        if asked and asked in text:
            raise Unusable("the instruction is a piece of the text")
        made = new(asked, text)
        own = {name: row.fields[name] for name in KEPT if row.fields.get(name) is not None}
        return [Made(made.messages, made.answer, {**own, "task": "forward"})]
