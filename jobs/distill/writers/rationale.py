"""Reasons and answers: the model thinks before it answers, or explains an answer that is given."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Seed, Steps, Unusable, Writer, about, answered, example_text, shots
from .template import Prompt


class Rationale(Writer):
    """Reasoning with the answer after it or before it; the two are stored apart."""

    id = "rationale"
    title = "Reasons and answer"
    summary = "The model writes its reasoning and the answer; both are kept, apart from each other."
    when_to_use = "The task needs steps, and the student should learn them and not only their end."
    formula = r"(\hat r, \hat y) \sim p_T(\cdot \mid x),\quad \text{or } \hat r \sim p_T(\cdot \mid x, y)"
    paper = Paper(
        title="Distilling Step-by-Step! Outperforming Larger Language Models with Less Training Data and Smaller Model Sizes",
        authors="Hsieh, Li, Yeh, Nakhost, Fujii, Ratner, Krishna, Lee, Pfister",
        year=2023,
        venue="Findings of ACL",
        url="https://arxiv.org/abs/2305.02301",
        arxiv="2305.02301",
    )
    answers = True
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "instruction": "the option Instruction",
        "examples": "answered rows",
        "marker": "the word before the answer",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "think": Prompt(
            "{{instruction}}\n\n{{examples}}\n\nQuestion: {{question}}\n\n"
            "Think step by step. Then write {{marker}} and the answer alone on the last line."
        ),
        "explain": Prompt(
            "{{instruction}}\n\n{{examples}}\n\nQuestion: {{question}}\nThe right answer is: {{answer}}\n\n"
            "Explain in a few steps why. Do not repeat the question."
        ),
    }

    class Options(Options):
        order: Literal["before", "after"] = Field(
            "before",
            title="Reasons come",
            description="before: the model reasons, then answers. after: it explains the gold answer it is shown.",
        )
        marker: str = Field(
            "Answer:", min_length=1, max_length=40, title="Marker", description="Stands before the answer."
        )
        instruction: str = Field("", max_length=20_000, title="Instruction")
        plain: bool = Field(
            False,
            title="Ask plainly",
            description="The row's conversation goes out as it is; for a teacher that was trained to reason so.",
        )
        examples: int = Field(0, ge=0, le=32, title="Examples")

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, gold = seed.row, seed.row.fields.get("gold", seed.row.answer)
        chosen = shots(desk.rows, options.examples, desk.random(seed), row.row_id)
        values = about(row, instruction=options.instruction, examples=example_text(chosen), marker=options.marker)
        if options.order == "after":
            if gold is None:
                raise Unusable("there is no gold answer to explain")
            (reply,) = yield [desk.ask("explain", values)]
            return [answered(row, str(gold), rationale=reply.text.strip())]
        (reply,) = yield [desk.say(row.messages) if options.plain else desk.ask("think", values)]
        reasons, answer = parted(reply.text, options.marker)
        return [answered(row, answer, rationale=reasons)]


def parted(text: str, marker: str) -> tuple[str, str]:
    """(reasoning, answer) of a text with the marker before its answer; the last marker counts. Raises Unusable."""
    found = list(re.finditer(re.escape(marker.strip()), text, re.IGNORECASE))
    if not found:
        raise Unusable(f"it does not say {marker.strip()!r} before an answer")
    answer = text[found[-1].end() :].strip().strip("*").strip()
    if not answer:
        raise Unusable(f"nothing follows {marker.strip()!r}")
    if answer.startswith("```"):  # code: its lines belong together
        return text[: found[-1].start()].strip(), answer
    return text[: found[-1].start()].strip(), answer.splitlines()[0].strip().rstrip(".") if answer else ""
