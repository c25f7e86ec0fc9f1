"""Inputs and outputs for a task, from its instruction and three examples, written by the student itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ..errors import RecipeInvalid
from ..parts import Options, Paper
from ..verifiers.finals import normal
from .base import Desk, Seed, Steps, Unusable, Writer, example_text, new, shots
from .template import Prompt

if TYPE_CHECKING:
    from ..rows import Row


class SelfGuide(Writer):
    """Makes inputs like those of the examples, then answers them; what is noise or of the wrong length is left out by name."""

    id = "self-guide"
    title = "Rows from an instruction"
    summary = "From one instruction and a few examples the model writes new inputs, answers them, and filters both."
    when_to_use = "A task is described and hardly any rows exist; no teacher is at hand but the student itself."
    formula = r"\hat x \sim q(\cdot \mid I, S),\quad \hat y \sim q(\cdot \mid I, S, \hat x)"
    paper = Paper(
        title="SELF-GUIDE: Better Task-Specific Instruction Following via Self-Synthetic Finetuning",
        authors="Zhao, Jia, Viswanathan, Wu, Neubig", year=2024, venue="COLM", url="https://arxiv.org/abs/2407.12874",
        arxiv="2407.12874",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {
        "instruction": "the option Instruction",
        "examples": "answered rows",
        "inputs": "inputs of the examples, and some that were made before",
        "label": "a label of the data that the input shall have, where answers are labels",
        "input": "for outputs: the input that was made",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "input": Prompt(
            "The task: {{instruction}}\n\nInputs of this task look like these:\n{{inputs}}\n\n"
            "Write one more input of the same kind and length that differs from all of these. Its right answer shall be: {{label}}\nWrite the input alone, no answer."
        ),
        "output": Prompt("{{instruction}}\n\n{{examples}}\n\nQuestion: {{input}}\nAnswer:"),
    }

    class Options(Options):
        instruction: str = Field(
            "",
            max_length=20_000,
            title="Instruction",
            description="What the task is, in words; also the system turn of the rows when Instruction in rows is on.",
        )
        examples: int = Field(3, ge=1, le=32, title="Examples", description="Answered rows that are shown each time.")
        rows: int = Field(200, ge=1, le=1_000_000, title="Rows to make", description="Before the filters.")
        by_label: bool = Field(
            False,
            title="A label each",
            description="Inputs are asked for by label, in turn, where the data's answers are labels.",
        )
        instruction_in_rows: bool = Field(False, title="Instruction in rows")
        shortest: float = Field(
            0.2,
            ge=0,
            le=1,
            title="Shortest (share)",
            description="Of the examples' shortest input and answer, in words.",
        )
        longest: float = Field(
            3.0, ge=1, le=100, title="Longest (times)", description="The examples' longest input and answer."
        )

    def check(self, options: Any, field: str) -> None:
        if not options.instruction.strip():
            raise RecipeInvalid(
                f"{field}.instruction: say in words what the task is.",
                field=f"{field}.instruction",
                hint="“Name the intent of a bank customer's message”, say.",
            )

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        chosen = tuple(shots(rows, options.examples, desk.random(Seed("examples"))))
        return (Seed(f"guide-{n:06d}", chosen) for n in range(options.rows))

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        rows, rng = seed.rows, desk.random(seed)
        if not rows:
            raise Unusable("there is no answered row to take as an example")
        labels = sorted({r.answer for r in desk.rows if r.answer}) if options.by_label else []
        shown = rng.sample(list(rows), len(rows))
        values: dict[str, Any] = {
            "instruction": options.instruction,
            "examples": example_text(shown),
            "inputs": [r.question for r in shown],
            "label": labels[int(seed.id.rsplit("-", 1)[1]) % len(labels)] if labels else None,
        }
        # The place of the row tells its draws from the others': the same question is asked again and again.
        place = int(seed.id.rsplit("-", 1)[1]) + desk.number * options.rows
        (made,) = yield [desk.ask("input", values, number=place)]
        text = clean(made.text)
        fits(text, [r.question for r in rows], options, "input")
        if normal(text) in {normal(r.question) for r in rows}:
            raise Unusable("the input is one of the examples")
        (said,) = yield [desk.ask("output", {**values, "input": text}, number=place, temperature=0.0)]
        answer = clean(said.text)
        fits(answer, [r.answer or "" for r in rows], options, "answer")
        if normal(answer) == normal(text):
            raise Unusable("the answer repeats the input")
        return [new(text, answer, options.instruction if options.instruction_in_rows else "")]


def clean(text: str) -> str:
    """The text up to where a model goes on to the next example, without the name of its part."""
    for mark in ("\nQuestion:", "\nInput:", "\n\nAnswer:", "\nAnswer:"):
        text = text.split(mark)[0]
    for name in ("Question:", "Input:", "Answer:", "Output:"):
        if text.strip().lower().startswith(name.lower()):
            text = text.strip()[len(name) :]
    return text.strip().strip('"').strip()


def fits(text: str, examples: Sequence[str], options: Any, what: str) -> None:
    """Raises Unusable, with both numbers, for noise and for lengths far from the examples'."""
    words = len(text.split())
    if not any(c.isalnum() for c in text):
        raise Unusable(f"noise: the {what} has no letters or digits")
    if "{{" in text or "as an ai" in text.lower() or "i cannot" in text.lower()[:40]:
        raise Unusable(f"noise: the {what} talks about the task instead of doing it")
    sizes = [max(1, len(e.split())) for e in examples]
    low, high = options.shortest * min(sizes), options.longest * max(sizes)
    if not low <= words <= high:
        raise Unusable(f"length: the {what} has {words} words, {low:.0f} to {high:.0f} are like the examples")
