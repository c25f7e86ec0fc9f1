"""The plainest writer: an answer to each question."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Seed, Steps, Writer, about, answered, example_text, shots
from .template import Prompt


class Answers(Writer):
    """The model answers the row's conversation as it is, or a prompt made of it, with examples where wished."""

    id = "answers"
    title = "Answers"
    summary = "The model answers each question; several candidates where asked for."
    when_to_use = "The teacher knows the answers and the rows have none, or worse ones."
    formula = r"\hat y \sim p_T(\cdot \mid x)"
    paper = Paper(
        title="Sequence-Level Knowledge Distillation",
        authors="Kim, Rush",
        year=2016,
        venue="EMNLP",
        url="https://arxiv.org/abs/1606.07947",
        arxiv="1606.07947",
    )
    answers = True
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "instruction": "the option Instruction",
        "examples": "answered rows, as many as the option Examples says",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "answer": Prompt(
            "{{instruction}}\n\n{{examples}}\n\nQuestion: {{question}}\nAnswer:",
        )
    }

    class Options(Options):
        instruction: str = Field(
            "",
            max_length=20_000,
            title="Instruction",
            description="Put before the question. Empty, without examples: the row's conversation goes out as it is.",
        )
        examples: int = Field(0, ge=0, le=32, title="Examples", description="Answered rows shown before the question.")

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        if options.instruction or options.examples or desk.prompts["answer"] != self.prompts["answer"]:
            chosen = shots(desk.rows, options.examples, desk.random(seed), row.row_id)
            values = about(row, instruction=options.instruction, examples=example_text(chosen))
            question = desk.ask("answer", values)
        else:
            question = desk.say(row.messages)
        (reply,) = yield [question]
        return [answered(row, reply.text)]
