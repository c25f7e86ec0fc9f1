"""Sub-questions and their answers: rows for a model that takes a problem apart and for one that solves the parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Seed, Steps, Unusable, Writer, about, example_text, shots
from .common import agree, for_task, gold_of
from .template import Prompt

# What a line begins with: Q1: or A1: of a sub-question, or Answer: of the problem.
MARK = re.compile(r"^[^\S\n]*+(?:(?P<kind>[QA])(?P<number>\d+)[^\S\n]*[:.]|Answer[^\S\n]*:)", re.MULTILINE)


def ask_parts(question: str) -> str:
    """What the decomposer reads."""
    return f"{question}\nSub-questions:"


def ask_part(question: str, done: Sequence[tuple[str, str]], part: str) -> str:
    """What the solver reads: the problem, the parts that are solved, the next one."""
    before = "".join(f"\nQ: {q}\nA: {a}" for q, a in done)
    return f"{question}{before}\nQ: {part}"


class Socratic(Writer):
    """One text of the teacher becomes a row for the decomposer and one a sub-question for the solver."""

    id = "socratic"
    title = "Sub-questions and answers"
    summary = (
        "The model takes a problem apart into sub-questions and answers each; two tasks come of it, asking and solving."
    )
    when_to_use = "Problems of several steps, where one small model plans and another does each step."
    formula = r"x \to (q_1, a_1), \dots, (q_n, a_n);\quad p(q_{1..n} \mid x),\; p(a_k \mid x, q_{\le k}, a_{<k})"
    paper = Paper(
        title="Distilling Reasoning Capabilities into Smaller Language Models", authors="Shridhar, Stolfo, Sachan",
        year=2023, venue="Findings of ACL", url="https://arxiv.org/abs/2212.00193", arxiv="2212.00193",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "instruction": "the option Instruction",
        "examples": "answered rows",
        "most": "the option Sub-questions, at most",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "decompose": Prompt(
            "{{instruction}}\n\n{{examples}}\n\nProblem: {{question}}\n\n"
            "Take the problem apart into the sub-questions that lead to its answer, at most {{most}}, in the order in which "
            "they have to be answered, and answer each with its calculation or reason. A sub-question may use the answers "
            "before it. The last one asks for what the problem asks for. Write nothing else, in this form:\n"
            "Q1: the first sub-question\nA1: its answer\nQ2: the second sub-question\nA2: its answer\nAnswer: the answer of the problem alone"
        )
    }

    class Options(Options):
        instruction: str = Field("", max_length=20_000, title="Instruction")
        examples: int = Field(0, ge=0, le=32, title="Examples", description="Answered rows shown before the problem.")
        most: int = Field(6, ge=1, le=20, title="Sub-questions, at most")
        right_only: bool = Field(
            True,
            title="Only right ones",
            description="A problem whose last answer is not the gold one is left out and listed.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, gold = seed.row, gold_of(seed.row)
        chosen = shots(desk.rows, options.examples, desk.random(seed), row.row_id)
        values = about(row, instruction=options.instruction, examples=example_text(chosen), most=options.most)
        (reply,) = yield [desk.ask("decompose", values)]
        pairs, answer = taken_apart(reply.text)
        if len(pairs) > options.most:
            raise Unusable(f"it has {len(pairs)} sub-questions, at most {options.most} are wanted")
        if options.right_only and gold is not None and not agree(answer, gold):
            raise Unusable(f"it ends in {answer[:60]!r}, right is {gold[:60]!r}")
        asked = "\n".join(f"{k}. {q}" for k, (q, _) in enumerate(pairs, 1))
        made = [for_task(row, "decompose", ask_parts(row.question), asked, gold=gold, parts=len(pairs))]
        for k, (q, a) in enumerate(pairs):
            last = k == len(pairs) - 1
            said = f"{a}\nAnswer: {answer}" if last else a
            made.append(
                for_task(row, "solve", ask_part(row.question, pairs[:k], q), said, part=k + 1, gold=gold if last else a)
            )
        return made


def taken_apart(text: str) -> tuple[list[tuple[str, str]], str]:
    """(sub-questions with their answers, the answer of the problem). Raises Unusable where the form does not hold."""
    pairs, answer = [], ""
    marks = list(MARK.finditer(text))
    ends = [*(m.start() for m in marks[1:]), len(text)]
    said = [text[m.end() : end].strip() for m, end in zip(marks, ends, strict=False)]
    for i, mark in enumerate(marks):
        if mark["kind"] is None:
            answer = text[mark.end() :].strip()
            break
        following = marks[i + 1] if i + 1 < len(marks) else None
        answered = following is not None and (following["kind"], following["number"]) == ("A", mark["number"])
        if mark["kind"] == "Q" and answered and said[i] and said[i + 1]:
            pairs.append((" ".join(said[i].split()), said[i + 1]))
    if not pairs:
        raise Unusable("it has no sub-questions in the form Q1: … A1: …")
    if not answer:
        raise Unusable("it does not end with Answer:")
    return pairs, answer.splitlines()[0].strip()
