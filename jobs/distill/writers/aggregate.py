"""Several drafts and the answer made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Seed, Steps, Unusable, Writer, about
from .common import agree, for_task, gold_of, need_sampling
from .template import Prompt


def drafts_text(drafts: Sequence[str]) -> str:
    return "\n\n".join(f"Draft {k}:\n{d.strip()}" for k, d in enumerate(drafts, 1))


def ask_together(question: str, drafts: Sequence[str]) -> str:
    """What the aggregator reads; the drafts stand in the question, so they are never learnt."""
    return f"{question}\n\n{drafts_text(drafts)}\n\nAnswer made of the drafts:"


class Aggregate(Writer):
    """One model drafts several times, another makes one answer of the drafts."""

    id = "aggregate"
    title = "Drafts and their answer"
    summary = "Several drafts of each answer stand in the question; learnt is the one answer that is made of them."
    when_to_use = "The student may think longer when it is used: it proposes several answers and puts them together."
    formula = r"d_{1..n} \sim q(\cdot \mid x),\quad y \sim p_T(\cdot \mid x, d_{1..n}),\quad \ell = -\log q(y \mid x, d_{1..n})"
    paper = Paper(
        title="From Drafts to Answers: Unlocking LLM Potential via Aggregation Fine-Tuning",
        authors="Li, Wang, Fu, Cui, Yang, Cheng", year=2025, url="https://arxiv.org/abs/2501.11877", arxiv="2501.11877",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "instruction": "the option Instruction",
        "drafts": "the drafts, numbered",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "draft": Prompt("{{instruction}}\n\n{{question}}"),
        "aggregate": Prompt(
            "{{instruction}}\n\nQuestion: {{question}}\n\nThese drafts answer it:\n\n{{drafts}}\n\n"
            "Write the best answer that can be made of them. Compare the drafts, keep what is right, mend what is wrong, leave out what "
            "they only repeat. Do not mention the drafts. Write the answer alone."
        ),
    }

    class Options(Options):
        drafts: int = Field(4, ge=2, le=16, title="Drafts a question")
        drafter: str = Field(
            "",
            max_length=40,
            title="Who drafts",
            description="Empty: who the stage says writes. student: its own drafts, as when it is used.",
        )
        instruction: str = Field("", max_length=20_000, title="Instruction")
        right_only: bool = Field(
            True,
            title="Only right answers",
            description="Where there is a gold answer, rows whose answer differs from it are left out and listed.",
        )

    def seeds(self, rows: Any, options: Any, desk: Desk) -> Any:
        need_sampling(desk, options.drafts, "An aggregation")
        return super().seeds(rows, options, desk)

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, gold = seed.row, gold_of(seed.row)
        values = about(row, instruction=options.instruction)
        first = desk.number * options.drafts
        replies = yield [
            desk.ask("draft", values, options.drafter, first + k)
            if options.instruction
            else desk.say(row.messages, options.drafter, first + k)
            for k in range(options.drafts)
        ]
        drafts = [r.text.strip() for r in replies]
        (reply,) = yield [desk.ask("aggregate", {**values, "drafts": drafts_text(drafts)})]
        if options.right_only and gold is not None and not agree(reply.text, gold):
            raise Unusable("the answer made of the drafts is not the gold one")
        return [for_task(row, "aggregate", ask_together(row.question, drafts), reply.text, drafts=drafts, gold=gold)]
