"""Easier variants of a problem, and easier ones of those: a tree whose leaves a weak student can solve."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from ..programs.safe import evaluate
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about
from .common import KEPT, items_of
from .template import Prompt


class EasierVariants(Writer):
    """Asks for easier problems, level by level. Each variant brings the arithmetic that solves it, which is computed here:
    nobody's word is taken for its answer."""

    id = "easier-variants"
    title = "Tree of easier variants"
    summary = "The model makes easier variants of each problem and of the variants; depth and parent of each are kept."
    when_to_use = "Problems that the student hardly ever solves: it learns on the way down the tree, by rewards that a rule gives."
    formula = r"V_0 = \{x\},\quad V_{d+1} = \bigcup_{v \in V_d} \mathrm{easier}(v)"
    paper = Paper(
        title="LADDER: Self-Improving LLMs Through Recursive Problem Decomposition", authors="Simonds, Yoshiyama",
        year=2025, url="https://arxiv.org/abs/2503.00735", arxiv="2503.00735",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "problem": "the problem to make easier",
        "width": "how many variants",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "easier": Prompt(
            "Problem: {{problem}}\n\nWrite {{width}} easier variants of this problem: fewer steps, smaller or rounder numbers, less to keep in "
            "mind. Each must be a whole problem of its own with one number as its answer. After each write the arithmetic that gives "
            "its answer, as one expression of numbers. One variant a line, in this form and nothing else:\n"
            "1. the problem || expression"
        )
    }

    class Options(Options):
        depth: int = Field(2, ge=1, le=5, title="Depth", description="Levels below the problem itself.")
        width: int = Field(3, ge=1, le=16, title="Variants of each problem")
        most: int = Field(30, ge=1, le=1000, title="Variants a problem, at most")

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, level, made = seed.row, [("", seed.row.question)], list[Made]()
        bad = 0
        for depth in range(1, options.depth + 1):
            replies = yield [
                desk.ask("easier", about(row, problem=text, width=options.width), number=desk.number)
                for _, text in level
            ]
            below = list[tuple[str, str]]()
            for (place, parent), reply in zip(level, replies, strict=True):
                for k, item in enumerate(items_of(reply.text)[: options.width], 1):
                    found = solved(item)
                    if found is None or found[0] == parent:
                        bad += 1
                        continue
                    here = f"{place}.{k}".lstrip(".")
                    below.append((here, found[0]))
                    made.append(self._made(row, here, depth, parent, *found))
            level = below
            if not level or len(made) >= options.most:
                break
        if not made:
            raise Unusable(f"none of {bad} variants is a problem with an expression that can be computed")
        return made[: options.most]

    def _made(self, row: Any, place: str, depth: int, parent: str, problem: str, answer: str) -> Made:
        own = {name: row.fields[name] for name in KEPT if row.fields.get(name) is not None}
        turns = (*row.messages[:-1], {"role": "user", "content": problem})
        fields = {**own, "task": "variant", "depth": depth, "variant": place, "easier_than": parent, "gold": answer}
        return Made(turns, answer, fields)


def solved(item: str) -> tuple[str, str] | None:
    """(problem, its computed answer) of a line; None where the expression is missing or cannot be computed."""
    problem, bar, expression = item.partition("||")
    if not bar or len(problem.split()) < 3:
        return None
    outcome = evaluate(expression.split("=")[0].strip().strip("`$ "))
    return (problem.strip(), number_text(outcome.value)) if outcome.ok and outcome.value is not None else None


def number_text(value: int | float) -> str:
    """A computed number as an answer writes it."""
    return str(value) if isinstance(value, int) else f"{value:.10g}"
