"""An explanation brought into fixed sections."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from ..verifiers.sections import PRESETS, split_sections
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about
from .template import Prompt


class SectionRewrite(Writer):
    """The row's explanation, or its answer, is told again under fixed headings. What fails twice is marked or left out."""

    id = "section-rewrite"
    title = "Explanation in sections"
    summary = (
        "The model rewrites a row's explanation under fixed headings, such as issue, rule, application, conclusion."
    )
    when_to_use = "Explanations come in every shape, and the student should learn one."
    formula = r"\hat r \sim p_T(\cdot \mid x, y, r),\quad h_1, \dots, h_n \in \hat r"
    paper = Paper(
        title="A Llama walks into the 'Bar': Efficient Supervised Fine-Tuning for Legal Reasoning in the Multi-state Bar Exam",
        authors="Fernandes, Biedenkapp, Hutter, Awad",
        year=2025,
        url="https://arxiv.org/abs/2504.04945",
        arxiv="2504.04945",
    )
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "headings": "the headings, one a line",
        "explanation": "the row's reasoning; where it has none, its answer",
        "missing": "headings the first text lacks, for the second try",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "rewrite": Prompt(
            "Question: {{question}}\n\nAnswer: {{answer}}\n\nExplanation: {{explanation}}\n\n"
            "Write the explanation again under exactly these headings, each on a line of its own with a colon, in this "
            "order:\n{{headings}}\n\nKeep what it says; where it skips a step, fill it in from the question. Change "
            "nothing about the answer."
        ),
        "again": Prompt(
            "Question: {{question}}\n\nAnswer: {{answer}}\n\nExplanation: {{explanation}}\n\n"
            "Write the explanation in these sections, every one of them with at least one sentence, each heading on a line "
            "of its own with a colon:\n{{headings}}\n\nA first try lacked: {{missing}}"
        ),
    }

    class Options(Options):
        sections: Literal["irac", "plan-reflect-answer", "own"] = Field(
            "irac",
            title="Sections",
            description="irac: issue, rule, application, conclusion. plan-reflect-answer: plan, reflection, answer. own: the headings below.",
        )
        headings: list[str] = Field([], max_length=30, title="Own headings", description="One a line, in order.")
        fails: Literal["drop", "mark"] = Field(
            "drop",
            title="Rows that fail",
            description="drop: left out and listed. mark: kept with their own explanation, with structured: false beside it.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        headings = tuple(options.headings) if options.sections == "own" else PRESETS[options.sections]
        gold = row.fields.get("gold", row.answer)
        explanation = row.fields.get("rationale") or gold
        if not headings:
            raise Unusable("there are no headings")
        if not explanation:
            raise Unusable("there is no explanation to rewrite")
        values = about(row, headings=list(headings), explanation=explanation)
        (reply,) = yield [desk.ask("rewrite", values)]
        if lost := lacking(reply.text, headings):
            (reply,) = yield [desk.ask("again", {**values, "missing": ", ".join(lost)})]
        lost = lacking(reply.text, headings)
        if lost and options.fails == "drop":
            raise Unusable(f"the section {lost[0]!r} is missing, in the second try too")
        text = str(explanation) if lost else in_order(reply.text, headings)
        fields = {**row.fields, "rationale": text, "structured": not lost}
        return [Made(row.messages, gold, fields, same=True)]


def lacking(text: str, headings: tuple[str, ...]) -> list[str]:
    """Headings that the text has not, or has nothing under."""
    found = split_sections(text, headings)
    return [h for h in headings if not found.get(h, "").strip()]


def in_order(text: str, headings: tuple[str, ...]) -> str:
    """The sections in the order of the headings, each heading as it is spelled there."""
    found = split_sections(text, headings)
    return "\n".join(f"{h}: {found[h].strip()}" for h in headings)
