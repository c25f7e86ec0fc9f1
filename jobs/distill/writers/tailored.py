"""Explanations made for one student: the teacher sees what it got wrong and answers to that."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from ..verifiers.finals import normal
from .base import ROW_VARIABLES, Desk, Seed, Steps, Unusable, Writer, about, answered
from .common import agree, need_gold
from .rationale import parted
from .template import Prompt


class TailoredRationale(Writer):
    """Reasons that answer the student's own mistake; the mistake stays with the row as its rejected answer."""

    id = "tailored-rationale"
    title = "Reasons for this student"
    summary = "The teacher reads the student's wrong answer beside the question and explains the right one to it."
    when_to_use = "In a loop, from the rows the student gets wrong: general explanations did not reach it."
    formula = r"(\hat r, y) \sim p_T(\cdot \mid x, y, \hat y_S),\quad \hat y_S \ne y"
    paper = Paper(
        title="Democratizing Reasoning Ability: Tailored Learning from Large Language Model",
        authors="Wang, Huang, Liu, Wang, Song, Zhang, Huang, Wei, Deng, Sun, Zhang", year=2023, venue="EMNLP",
        url="https://arxiv.org/abs/2310.13332", arxiv="2310.13332",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "student": "what the student answered",
        "marker": "the word before the answer",
    }
    pairs = True
    prompts: ClassVar[dict[str, Prompt]] = {
        "explain": Prompt(
            "A student was asked:\n{{question}}\n\nThe student answered:\n{{student}}\n\nThat is wrong. The right answer is: "
            "{{answer}}\n\nWrite the reasoning this student needs: short steps that avoid its mistake. Then write {{marker}} "
            "and the answer alone on the last line."
        )
    }

    class Options(Options):
        marker: str = Field("Answer:", min_length=1, max_length=40, title="Marker", description="Before the answer.")
        whole: bool = Field(
            True,
            title="One text",
            description="On: the row's answer is reasoning and answer, as the student should write it. Off: the reasoning stands apart.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, gold = seed.row, need_gold(seed.row)
        said = desk.student_says.get(row.row_id)
        if said is None:
            raise Unusable("the student was not asked: start from the rows it gets wrong")
        (reply,) = yield [desk.ask("explain", about(row, student=said, marker=options.marker))]
        reasons, answer = parted(reply.text, options.marker)
        if not agree(answer, gold):
            raise Unusable(f"it ends in {answer!r}, the right answer is {gold!r}")
        mistake = {"rejected": said.strip()} if said.strip() and normal(said) != normal(reply.text) else {}
        if options.whole:
            return [answered(row, reply.text, student_said=said, **mistake)]
        return [answered(row, gold, rationale=reasons, student_said=said, **mistake)]
