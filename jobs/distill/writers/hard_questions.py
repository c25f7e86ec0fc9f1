"""Harder questions where the student falls behind: a judge finds the gap, the teacher writes more of that."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from ..asking.request import Reply
from ..judging.reading import Unreadable, read_score, score_schema
from ..judging.wording import RUBRIC, SYSTEM, to_score
from ..parts import Options, Paper
from ..verifiers.finals import normal
from .base import ROW_VARIABLES, Desk, Question, Seed, Steps, Unusable, Writer, about, new
from .template import Prompt
from .texts import stripped


class HardQuestions(Writer):
    """Student and judge are asked about each row; only rows with a gap over the threshold seed a new question."""

    id = "hard-questions"
    title = "Questions the student falls behind on"
    summary = "The student answers, a judge scores both answers, and where the gap is wide the teacher writes a new question as hard."
    when_to_use = "In a loop over instructions without one right answer, after the teacher's answers were imitated."
    formula = r"d(x) = s(x, y_T) - s(x, y_S) \ge \tau \;\Rightarrow\; \hat x \sim p_T(\cdot \mid x)"
    paper = Paper(
        title="Lion: Adversarial Distillation of Proprietary Large Language Models", authors="Jiang, Chan, Chen, Wang",
        year=2023, venue="EMNLP", url="https://arxiv.org/abs/2305.12870", arxiv="2305.12870",
    )  # fmt: skip
    selective = True
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "instruction": "the option Instruction"}
    prompts: ClassVar[dict[str, Prompt]] = {
        "harder": Prompt(
            "Here is a question that a student answers badly:\n\n{{question}}\n\n{{instruction}}\n\nWrite one new question of "
            "the same field and at least as difficult, on something rarer. It must be complete and answerable on its own. "
            "Write the question alone."
        ),
        "answer": Prompt("{{question}}"),
    }

    class Options(Options):
        threshold: float = Field(
            1.0,
            gt=0,
            le=100,
            title="Gap from",
            description="Teacher's score minus the student's, on the judge's scale.",
        )
        rubric: str = Field(RUBRIC, min_length=1, max_length=20_000, title="Rubric")
        low: float = Field(1, ge=-1000, le=1000, title="Lowest score")
        high: float = Field(10, ge=-1000, le=1000, title="Highest score")
        judge: str = Field(
            "", max_length=40, title="Judge", description="Name of a teacher of the recipe. Empty: who writes."
        )
        instruction: str = Field("", max_length=20_000, title="Instruction", description="What new questions should be about.")  # fmt: skip
        student_tokens: int = Field(256, ge=1, le=32768, title="Student's longest answer (tokens)")

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        teacher = (row.answer or "").strip()
        if not teacher:
            raise Unusable("the row has no answer of the teacher")
        asked = desk.say(row.messages, "student", temperature=0.0, max_new_tokens=options.student_tokens)
        (said,) = yield [replace(asked, measures=True)]  # an answer that is cut off or empty is judged as it is
        student = said.text.strip()
        better = yield from self._score(row.question, teacher, options, desk)
        worse = yield from self._score(row.question, student, options, desk)
        gap = better - worse
        if gap < options.threshold:
            raise Unusable(f"not hard: the gap is {gap:g}, {options.threshold:g} is wanted")
        (reply,) = yield [desk.ask("harder", about(row, instruction=options.instruction))]
        question = stripped(reply.text).removeprefix("Question:").strip()
        if normal(question) == normal(row.question):
            raise Unusable("it repeats the question")
        (reply,) = yield [desk.ask("answer", {**about(row), "question": question})]
        return [new(question, reply.text, gap=round(gap, 6), domain=row.fields.get("domain"), synthetic=True)]

    def _score(self, question: str, answer: str, options: Any, desk: Desk) -> Generator[list[Question], list[Reply], float]:  # fmt: skip
        """The judge's score, asked once more where the reply is out of form. Raises Unusable; never takes a score from prose."""
        turns = ({"role": "system", "content": SYSTEM}, {"role": "user", "content": to_score(question, answer, options.rubric, options.low, options.high)})  # fmt: skip
        why = ""
        for attempt in range(2):
            (reply,) = yield [
                desk.say(
                    turns, options.judge, 1000 * attempt + desk.number,
                    temperature=0.0, max_new_tokens=300, schema=score_schema(options.low, options.high),
                )
            ]  # fmt: skip
            try:
                return read_score(reply.text, options.low, options.high)[0]
            except Unreadable as e:
                why = str(e)
        raise Unusable(f"flagged: the judge's reply could not be read ({why})")
