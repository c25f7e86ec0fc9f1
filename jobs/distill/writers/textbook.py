"""Documents written from nothing but a topic, a reader and a way to tell it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from .base import Desk, Seed, Steps, Writer, new
from .template import Prompt
from .texts import raw

if TYPE_CHECKING:
    from ..rows import Row

ANGLES = (
    "an introduction that begins with an everyday observation",
    "a worked example, step by step",
    "common mistakes and why they are mistakes",
    "questions a curious reader asks, each answered",
    "how people found this out",
    "a comparison with something that looks similar",
    "a short exercise with its solution explained",
    "why it matters outside the classroom",
)


class Textbook(Writer):
    """Every combination of topic, audience and angle is one document; the order is drawn, no combination comes twice."""

    id = "textbook"
    title = "Textbook documents"
    summary = "The model writes a document for each combination of topic, audience and angle."
    when_to_use = "No data exist, and a small model should learn a subject from clean text."
    formula = r"\hat d \sim p_T(\cdot \mid \text{topic}, \text{audience}, \text{angle})"
    paper = Paper(
        title="Textbooks Are All You Need II: phi-1.5 technical report",
        authors="Li, Bubeck, Eldan, Del Giorno, Gunasekar, Lee",
        year=2023,
        url="https://arxiv.org/abs/2309.05463",
        arxiv="2309.05463",
    )
    variables: ClassVar[dict[str, str]] = {
        "topic": "one of the topics",
        "audience": "one of the audiences",
        "angle": "one of the angles",
        "length": "the option Length (words)",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "document": Prompt(
            "Write a passage of a textbook.\n\nTopic: {{topic}}\nReader: {{audience}}\nForm: {{angle}}\n"
            "Length: about {{length}} words\n\n"
            "Teach the topic itself: exact statements, reasons, concrete examples with numbers or names. Use words this "
            "reader knows and explain each new one. No headings about the task, no remarks to me: the passage alone."
        ),
    }

    class Options(Options):
        topics: list[str] = Field(
            [], max_length=100_000, title="Topics", description="One a line. Empty: the rows' questions are the topics."
        )
        audiences: list[str] = Field(
            ["a child of ten", "a student at school", "a student in the first year", "a working professional"],
            min_length=1,
            max_length=1000,
            title="Audiences",
            description="One a line.",
        )
        angles: list[str] = Field(
            list(ANGLES), min_length=1, max_length=1000, title="Angles", description="One a line: forms of a passage."
        )
        number: int | None = Field(
            None, ge=1, le=10_000_000, title="At most", description="Documents. Empty: every combination once."
        )
        length: int = Field(300, ge=10, le=20_000, title="Length (words)", description="What the model is asked for.")
        shape: Literal["text", "answer"] = Field(
            "text",
            title="Becomes",
            description="text: raw text, for training on all of it. answer: what is said when the topic is asked for.",
        )

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        about: list[tuple[str, Row | None]] = [(t, None) for t in options.topics] or [(r.question, r) for r in rows]
        kinds = list(itertools.product(options.audiences, options.angles))
        # Round by round every topic gets one more (audience, angle), so that a small number still meets every topic.
        order: list[Seed] = []
        for n in range(len(kinds)):
            this_round = []
            for t, (topic, row) in enumerate(about):
                drawn = desk.random(Seed(f"textbook-{t}"), "angles").sample(kinds, len(kinds))
                audience, angle = drawn[n]
                values = {"topic": topic, "audience": audience, "angle": angle}
                this_round.append(Seed(f"textbook-{t}-{n}", (row,) if row else (), values))
            desk.random(Seed("textbook"), str(n)).shuffle(this_round)
            order += this_round
            if options.number and len(order) >= options.number:
                break
        return order[: options.number]

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        (reply,) = yield [desk.ask("document", {**seed.values, "length": options.length})]
        tags = {**seed.values, "synthetic": True, "domain": seed.values["topic"] if options.topics else None}
        if options.shape == "text":
            return [raw(reply.text, **tags)]
        asked = f"Explain {seed.values['topic']} to {seed.values['audience']}: {seed.values['angle']}."
        return [new(asked, reply.text, **tags)]
