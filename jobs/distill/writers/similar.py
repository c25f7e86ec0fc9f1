"""More of what the student fails at: one new row like each row it gets wrong."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from ..verifiers.finals import normal
from .base import ROW_VARIABLES, Desk, Seed, Steps, Unusable, Writer, about, new
from .common import need_gold, split_at
from .template import Prompt


class Similar(Writer):
    """A new question of the same kind and difficulty with its answer, for each row that is started from."""

    id = "similar"
    title = "More like this row"
    summary = "For each row the teacher writes a new question of the same kind, and its answer."
    when_to_use = "In a loop with few labelled rows, from those the student gets wrong."
    formula = r"(\hat x, \hat y) \sim p_T(\cdot \mid x, y),\quad \hat y_S(x) \ne y"
    paper = Paper(
        title="LLM2LLM: Boosting LLMs with Novel Iterative Data Enhancement",
        authors="Lee, Wattanawong, Kim, Mangalam, Shen, Anumanchipalli, Mahoney, Keutzer, Gholami", year=2024,
        venue="Findings of ACL", url="https://arxiv.org/abs/2403.15042", arxiv="2403.15042",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "student": "what the student answered, where it was asked",
        "instruction": "the option Instruction",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "similar": Prompt(
            "A student got this wrong:\n\nQuestion: {{question}}\nRight answer: {{answer}}\nThe student said: {{student}}\n\n"
            "{{instruction}}\n\nWrite one new question of the same kind that practises the same thing, with other content, and "
            "its right answer in the same form as the one above. Write exactly:\nQuestion: ...\nAnswer: ..."
        )
    }

    class Options(Options):
        instruction: str = Field(
            "", max_length=20_000, title="Instruction", description="What the task is, where rows do not say it."
        )
        answers: bool = Field(
            False,
            title="Only known answers",
            description="For labels: the new answer must be one that the data has.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        need_gold(row)
        student = desk.student_says.get(row.row_id)
        (reply,) = yield [desk.ask("similar", about(row, student=student, instruction=options.instruction))]
        head, answer = split_at(reply.text, "Answer:")
        _, question = split_at(head, "Question:")
        if normal(question) == normal(row.question):
            raise Unusable("it repeats the question")
        if options.answers:
            known = {normal(r.answer): r.answer for r in desk.rows if r.answer and r.labelled}
            if normal(answer) not in known:
                raise Unusable(f"{answer[:60]!r} is no answer of the data")
            answer = known[normal(answer)]
        system = next((m["content"] for m in row.messages if m["role"] == "system"), "")
        return [new(question, answer, system, gold=answer, domain=row.fields.get("domain"), synthetic=True)]
