"""Knowledge written down beside the weights: entries from the student's errors, strategies for kinds of situations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about
from .common import KEPT, for_task, need_gold, split_at
from .template import Prompt


def with_entries(heading: str, entries: Sequence[str], question: str) -> str:
    """The question under entries of a library."""
    return "\n".join([heading, *(f"- {e}" for e in entries), "", question])


HEADING = "What helps:"


class Knowledge(Writer):
    """For a question that the student gets wrong: the facts or rule that were missing, in words that help with others like it."""

    id = "knowledge"
    title = "Knowledge from errors"
    summary = (
        "The teacher looks at the student's wrong answer and writes down what the student did not know; entries are looked up when the "
        "student is used, and are a file that people can read and mend."
    )
    when_to_use = (
        "Rare special knowledge that a small student's weights do not hold; general skill is trained as always."
    )
    formula = r"K = \{(x, k) : \hat y(x) \ne y,\ k \sim p_T(\cdot \mid x, \hat y, y)\},\quad q(y \mid x, \mathrm{top}_n(K, x))"
    paper = Paper(
        title="Neural-Symbolic Collaborative Distillation: Advancing Small Language Models for Complex Reasoning Tasks",
        authors="Liao, He, Xu, Zhang, Liu, Zhao", year=2025, venue="AAAI", url="https://arxiv.org/abs/2409.13203",
        arxiv="2409.13203",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "said": "what the student answered"}
    prompts: ClassVar[dict[str, Prompt]] = {
        "explain": Prompt(
            "Question: {{question}}\nRight answer: {{answer}}\nA student answered: {{said}}\n\n"
            "Which piece of knowledge does the student lack? Write it down so that it helps with this question and with others of its kind: the "
            "facts or the rule, complete, in at most three sentences. Do not speak of the student or of this question."
        )
    }

    class Options(Options):
        longest: int = Field(80, ge=5, le=1000, title="Longest entry (words)")
        heading: str = Field(
            HEADING, max_length=500, title="Heading", description="Over entries that stand before a question."
        )
        rows: bool = Field(
            True,
            title="Rows with their entry",
            description="Also a row whose question has its entry before it: the student learns to read entries.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, gold = seed.row, need_gold(seed.row)
        said = desk.student_says.get(row.row_id)
        if said is None:
            raise Unusable("the student was not asked this question: let the stage start from rows it gets wrong")
        (reply,) = yield [desk.ask("explain", about(row, said=said or "(nothing)"))]
        entry = " ".join(reply.text.split())
        if len(entry.split()) > options.longest:
            raise Unusable(f"the entry has {len(entry.split())} words, at most {options.longest} are wanted")
        own = {name: row.fields[name] for name in KEPT if row.fields.get(name) is not None}
        fields = {**own, "task": "knowledge", "entry": entry, "student_said": said, "gold": gold}
        made = [Made(tuple(row.messages), entry, fields)]
        if options.rows:
            made.append(
                for_task(row, "with-entry", with_entries(options.heading, [entry], row.question), gold, gold=gold)
            )
        return made


class Strategies(Writer):
    """A scenario like those of the rows, the student's answer to it, a judgement, and a strategy that would have been better."""

    id = "strategies"
    title = "Strategies for scenarios"
    summary = (
        "The teacher invents a situation, the student answers, the teacher judges the answer and writes what to do better; the strategies "
        "are looked up when the student is used. No weights are touched."
    )
    when_to_use = (
        "The student's weights cannot or must not be changed, and what it learns shall be readable and editable."
    )
    formula = r"s_i \sim p_T,\quad y_i \sim q(\cdot \mid s_i),\quad t_i \sim p_T(\cdot \mid s_i, y_i, j(y_i))"
    paper = Paper(
        title="Using Advanced LLMs to Enhance Smaller LLMs: An Interpretable Knowledge Distillation Approach",
        authors="Wang, Sudhir, Hong", year=2024, url="https://arxiv.org/abs/2408.07238", arxiv="2408.07238",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "goal": "the option Goal",
        "scenario": "the situation that was invented",
        "said": "what the student answered",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "scenario": Prompt(
            "The goal: {{goal}}\n\nThis is a message that has to be answered:\n{{question}}\n\n"
            "Invent a different situation of the same kind that would be hard to answer well. Write the message alone."
        ),
        "judge": Prompt(
            "The goal: {{goal}}\n\nMessage: {{scenario}}\n\nAnswer: {{said}}\n\nHow well does the answer serve the goal? Write one sentence, "
            "then Score: and a whole number from 1 to 10 on the last line."
        ),
        "strategy": Prompt(
            "The goal: {{goal}}\n\nMessage: {{scenario}}\n\nAnswer: {{said}}\n\nWrite a strategy for messages of this kind that makes the "
            "next answer better: what to do, in which order, what to avoid. Two to four sentences, general enough to be used again, no answer "
            "to this message itself."
        ),
    }

    class Options(Options):
        goal: str = Field(
            "Answer helpfully, correctly and in a friendly tone.", min_length=1, max_length=5000, title="Goal"
        )
        student: str = Field("student", max_length=40, title="Who is taught")
        enough: int = Field(
            9, ge=1, le=10, title="Good enough", description="Answers with this score or more need no strategy."
        )
        invent: bool = Field(True, title="Invent scenarios", description="Off: the rows themselves are the situations.")

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, values = seed.row, about(seed.row, goal=options.goal)
        scenario = row.question
        if options.invent:
            (made,) = yield [desk.ask("scenario", values)]
            scenario = made.text.strip()
        asked = desk.say(({"role": "user", "content": scenario},), options.student, temperature=0.0)
        (said,) = yield [replace(asked, measures=True)]
        values = {**values, "scenario": scenario, "said": said.text.strip()}
        (judged,) = yield [desk.ask("judge", values, temperature=0.0)]
        score = score_of(judged.text)
        if score >= options.enough:
            raise Unusable(f"the student's answer is good enough: {score} of 10")
        (reply,) = yield [desk.ask("strategy", values)]
        entry = " ".join(reply.text.split())
        fields = {"task": "strategy", "entry": entry, "student_said": values["said"], "score": score}
        return [Made(({"role": "user", "content": scenario},), entry, fields)]


def score_of(text: str) -> int:
    """The number after Score:; raises Unusable where there is none between 1 and 10."""
    _, after = split_at(text, "Score:")
    digits = after.split()[0].split("/")[0].rstrip(".")
    if not digits.isdigit() or not 1 <= int(digits) <= 10:
        raise Unusable(f"{after[:20]!r} is no score from 1 to 10")
    return int(digits)
