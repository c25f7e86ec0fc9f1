"""Explanations of unlabelled texts, learnt before the task itself."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Seed, Steps, Writer, about
from .common import for_task
from .template import Prompt

ASK = "Explain the opinions in this text: about what, in which words, how it feels, and why."


class Interpretation(Writer):
    """What a text says and why it means that: material for a stage before the labelled task, so no label is needed."""

    id = "interpretation"
    title = "Explanations of texts"
    summary = (
        "The model explains each text; the student first learns to explain, then the task. The label is never shown."
    )
    when_to_use = "Many texts without labels and few with, for opinions, intents or relations."
    formula = r"e \sim p_T(\cdot \mid x);\quad \text{stage 1: } \mathrm{CE}(e \mid x),\ \text{stage 2: } \mathrm{CE}(y \mid x)"
    paper = Paper(
        title="Distilling Fine-grained Sentiment Understanding from Large Language Models",
        authors="Zhang, Xie, Xu, Hou, Bao, Wang, Chen, Xu", year=2024, url="https://arxiv.org/abs/2412.18552", arxiv="2412.18552",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "instruction": "the option Instruction"}
    prompts: ClassVar[dict[str, Prompt]] = {
        "explain": Prompt(
            "{{instruction}}\n\nText: {{question}}\n\n"
            "Explain what this text thinks. For each thing it has an opinion about, say: what it is (the thing and the side of it), "
            "which words carry the opinion, whether it is positive, negative or neutral, and why those words mean that here. "
            "Mention irony and opinions that are only implied. End with one sentence on the text as a whole."
        )
    }

    class Options(Options):
        instruction: str = Field("", max_length=20_000, title="Instruction")
        ask: str = Field(
            ASK, min_length=1, max_length=2000, title="The student is asked", description="Before the text."
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        (reply,) = yield [desk.ask("explain", about(row, instruction=options.instruction))]
        return [for_task(row, "explain", f"{options.ask}\n{row.question}", reply.text)]
