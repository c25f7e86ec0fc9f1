"""The kinds of rows a stage may learn from, described for forms and help pages. Light: no torch."""

from __future__ import annotations

from typing import ClassVar

from ..parts import Described, Paper

ON_POLICY = Paper(
    title="On-Policy Distillation of Language Models: Learning from Self-Generated Mistakes",
    authors="Agarwal, Vieillard, Zhou, Stanczyk, Ramos, Geist, Bachem", year=2024, venue="ICLR",
    url="https://arxiv.org/abs/2306.13649", arxiv="2306.13649",
)  # fmt: skip


class SourcePart(Described):
    kind: ClassVar[str] = "source"


class FixedSource(SourcePart):
    id = "fixed"
    title = "Rows of the data"
    summary = "Answers of the data, gold or written by the teacher before training."
    when_to_use = "The default: nothing is written during training, and signals can be recorded once."
    formula = r"y \sim \mathcal{D}"


class StudentSource(SourcePart):
    id = "student"
    title = "The student's own answers"
    summary = (
        "The student writes an answer to each prompt as it is now, a window of steps at a time, and is corrected on it."
    )
    when_to_use = (
        "When the student goes astray on its own words after training on fixed answers. Prompts need no answer."
    )
    formula = r"y \sim q(\cdot \mid x)"
    paper = ON_POLICY


class MixedSource(SourcePart):
    id = "mixed"
    title = "Data and the student's own answers"
    summary = "A coin for each row decides whether the data or the student answers; old answers may be used again from a buffer."
    when_to_use = "When the student's own answers are still poor, or writing them takes too long. The share can follow the watched loss."
    formula = r"y \sim q(\cdot \mid x)\ \text{with chance}\ \lambda,\quad y \sim \mathcal{D}\ \text{otherwise}"
    paper = Paper(
        title="DistiLLM: Towards Streamlined Distillation for Large Language Models", authors="Ko, Kim, Chen, Yun", year=2024,
        venue="ICML", url="https://arxiv.org/abs/2402.03898", arxiv="2402.03898",
    )  # fmt: skip
