"""Answers in the student's own words, and labels given anew."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from ..verifiers.finals import normal
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about, answered
from .common import agree, gold_of, need_gold
from .template import Prompt

SDFT = Paper(
    title="Self-Distillation Bridges Distribution Gap in Language Model Fine-Tuning",
    authors="Yang, Pang, Feng, Wang, Chen, Zhu, Liu", year=2024, venue="ACL", url="https://arxiv.org/abs/2402.13669",
    arxiv="2402.13669",
)  # fmt: skip


class OwnWords(Writer):
    """The answer said as the student would say it. Where the rewriting loses the answer, the row stays as it was."""

    id = "own-words"
    title = "In the student's own words"
    summary = "The model rewrites each gold answer; a rewriting that ends in another answer is not used, the row stays."
    when_to_use = "Fine-tuning on somebody else's texts makes the student forget: its own words move it less."
    formula = r"\tilde y \sim q_{\theta_0}(\cdot \mid x, y),\quad y' = \tilde y \text{ if } a(\tilde y) = a(y) \text{ else } y"
    paper = SDFT
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "instruction": "the option Instruction"}
    prompts: ClassVar[dict[str, Prompt]] = {
        "rewrite": Prompt(
            "{{instruction}}\n\nBelow are a question and a reference answer. Answer the question in your own words. Keep every fact and "
            "the result of the reference answer, add nothing that contradicts it, and do not mention that there is a reference.\n\n"
            "Question: {{question}}\n\nReference answer: {{answer}}\n\nYour answer:"
        )
    }

    class Options(Options):
        instruction: str = Field("", max_length=20_000, title="Instruction")
        same: Literal["final", "contains", "trust"] = Field(
            "final",
            title="The answer is kept when",
            description="final: both texts end in the same number or words. contains: the rewriting contains the gold answer. "
            "trust: it is not checked; for open questions without a short answer.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, gold = seed.row, need_gold(seed.row)
        (reply,) = yield [desk.ask("rewrite", about(row, instruction=options.instruction))]
        if not reply.text.strip():
            raise Unusable("the rewriting is empty")
        if keeps(reply.text, gold, options.same):
            return [answered(row, reply.text, gold=gold, rewritten=True)]
        return [answered(row, gold, gold=gold, rewritten=False, not_used=reply.text.strip())]


def keeps(text: str, gold: str, how: str) -> bool:
    """Whether a rewriting still says the gold answer."""
    if how == "trust":
        return True
    if how == "contains":
        return f" {normal(gold)} " in f" {normal(text)} "
    return agree(text, gold)


class Relabel(Writer):
    """The label given anew by the model, among the labels of the data. A label nobody knows is no answer."""

    id = "relabel"
    title = "Labels given anew"
    summary = (
        "The model labels each row among the data's own labels; rows where it disagrees can be dropped or corrected."
    )
    when_to_use = "Labels of doubtful quality, or labels of a weak source."
    formula = r"\hat y = \mathrm{arg}\max_{c \in C} p_T(c \mid x)"
    paper = None
    answers = True
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "instruction": "the option Instruction",
        "labels": "the labels",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "label": Prompt(
            "{{instruction}}\n\nText: {{question}}\n\nWhich of these labels fits the text best?\n{{labels}}\n\n"
            "Answer with the label alone, exactly as it is written above."
        )
    }

    class Options(Options):
        instruction: str = Field("", max_length=20_000, title="Instruction")
        labels: list[str] = Field(
            default_factory=list, max_length=1000, title="Labels", description="Empty: those of the data."
        )
        disagreement: Literal["replace", "drop", "keep"] = Field(
            "replace",
            title="Another label than before",
            description="replace: the new one is learnt, the old is kept as gold. drop: the row is left out and listed. keep: the row keeps its label and says what the model thought.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, before = seed.row, gold_of(seed.row)
        labels = options.labels or sorted({a for r in desk.rows if (a := gold_of(r))})
        if not labels:
            raise Unusable("there are no labels: name them in the options, or label some rows")
        (reply,) = yield [desk.ask("label", about(row, instruction=options.instruction, labels=labels))]
        by_text = {normal(c): c for c in labels}
        label = by_text.get(normal(reply.text)) or by_text.get(normal(reply.text.strip().splitlines()[0]))
        if label is None:
            raise Unusable(f"{reply.text.strip()[:60]!r} is none of the {len(labels)} labels")
        if before is None or normal(label) == normal(before) or options.disagreement == "replace":
            return [answered(row, label, relabelled=label)]
        if options.disagreement == "drop":
            raise Unusable(f"the model says {label!r}, the row {before!r}")
        return [Made(row.messages, before, {**row.fields, "gold": before, "relabelled": label}, same=True)]
