"""Slow answers compiled into fast ones: many answers with reasoning, of which only the one most agree on is kept."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Seed, Steps, Unusable, Writer, about, answered
from .common import MARKER, final_answer, gold_of, need_sampling, vote
from .template import Prompt


class SelfConsistent(Writer):
    """Samples answers with reasoning, keeps the majority's answer, and leaves the reasoning out of the row."""

    id = "self-consistent"
    title = "Majority answers without reasoning"
    summary = (
        "The model reasons several times; where most runs agree, the bare answer is learnt for the plain question."
    )
    when_to_use = (
        "The model can reason its way to answers, and shall give them at once: fewer tokens for the same score."
    )
    formula = r"\hat y = \mathrm{maj}\{a(z_k) : z_k \sim p(\cdot \mid x, \text{think})\},\quad \mathrm{share}(\hat y) \ge \tau"
    paper = Paper(
        title="Distilling System 2 into System 1", authors="Yu, Xu, Weston, Kulikov", year=2024,
        url="https://arxiv.org/abs/2407.06023", arxiv="2407.06023",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "instruction": "the option Instruction",
        "marker": "the word before the answer",
        "context": "for rewritten questions: what the first step left of the question",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "think": Prompt(
            "{{instruction}}\n\nQuestion: {{question}}\n\nThink step by step. Then write {{marker}} and the answer alone on the last line."
        ),
        "rewrite": Prompt(
            "Text: {{question}}\n\nTake out of this text everything that does not help to answer its question: opinions, hints at a wished "
            "answer, side remarks. Write the question and the facts that are needed, complete and in neutral words. Do not answer it."
        ),
        "rephrase": Prompt(
            "{{question}}\n\nSay this question anew and in more detail, so that it is easier to answer. Do not answer it."
        ),
        "answer": Prompt(
            "{{instruction}}\n\nQuestion: {{context}}\n\nAnswer it. Write {{marker}} and the answer alone on the last line."
        ),
    }

    class Options(Options):
        method: Literal["chain", "attention", "rephrase"] = Field(
            "chain",
            title="Slow method",
            description="chain: reasons, then the answer. attention: the question is first cleared of what may mislead (System 2 Attention). "
            "rephrase: it is first said anew in more detail.",
        )
        samples: int = Field(8, ge=2, le=64, title="Answers a question")
        least: float = Field(
            0.5,
            ge=0,
            le=1,
            title="Least share",
            description="Of the answers that must agree. One half and less: the row is left out.",
        )
        instruction: str = Field("", max_length=20_000, title="Instruction")

    def seeds(self, rows: Any, options: Any, desk: Desk) -> Any:
        need_sampling(desk, options.samples, "A majority")
        return super().seeds(rows, options, desk)

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, base = seed.row, desk.number * options.samples
        values = about(row, instruction=options.instruction, marker=MARKER)
        numbers = range(base, base + options.samples)
        if options.method == "chain":
            replies = yield [desk.ask("think", values, number=n) for n in numbers]
        else:
            first = "rewrite" if options.method == "attention" else "rephrase"
            contexts = yield [desk.ask(first, values, number=n) for n in numbers]
            replies = yield [
                desk.ask("answer", {**values, "context": c.text.strip()}, number=n)
                for n, c in zip(numbers, contexts, strict=True)
            ]
        place, share = vote([r.text for r in replies])
        if place < 0 or share <= options.least:
            most = round(share * options.samples)
            raise Unusable(
                f"{most} of {options.samples} answers agree, more than {options.least * options.samples:g} must"
            )
        return [
            answered(
                row, final_answer(replies[place].text), gold=gold_of(row), agreement=round(share, 4), rationale=None
            )
        ]
