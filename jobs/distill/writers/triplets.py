"""Questions of programming with a solution and the tests that it passes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from ..programs.sandbox import Ran, run, unavailable
from .base import ROW_VARIABLES, Desk, Seed, Steps, Unusable, Writer, about, new
from .template import Prompt
from .texts import stripped

FENCE = re.compile(r"```[^\n`]*\n(.*?)```", re.DOTALL)
TEST = re.compile(r"^def (test_\w+)\s*\(", re.MULTILINE)
MARK = re.compile(r"^[^\S\n]*+#*+[^\S\n]*+\**+[^\S\n]*+tests[^\S\n]*+\**+:?[^\S\n]*$", re.IGNORECASE | re.MULTILINE)


class Triplets(Writer):
    """Question, then solution and tests together, which run isolated. Where they fail, another pair is asked for: easy
    items stop at the first, hard ones go on. The share of attempts that passed tells how hard the item is."""

    id = "code-triplets"
    title = "Question, solution, tests"
    summary = (
        "The model writes a programming question, a solution and tests; only triplets whose solution passes survive."
    )
    when_to_use = "Code that is known to work is wanted, with a way to check the student's too."
    formula = r"(\hat s_i, \hat t_i) \sim p_T(\cdot \mid \hat x),\quad \hat t_i(\hat s_i) = 1,\quad \rho = \frac{\#\mathrm{passed}}{\#\mathrm{tried}}"
    paper = Paper(
        title="KodCode: A Diverse, Challenging, and Verifiable Synthetic Dataset for Coding",
        authors="Xu, Liu, Yin, Zhou, Poovendran",
        year=2025,
        venue="Findings of ACL",
        url="https://arxiv.org/abs/2503.02951",
        arxiv="2503.02951",
    )
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "problem": "the programming question, for the solution",
        "failure": "what went wrong in the attempt before",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "question": Prompt(
            "{{question}}\n\n---\nWrite one self-contained Python programming task inspired by this material. Say what "
            "the function is called, its arguments, what it returns, and what happens at the edges. It needs no "
            "packages beyond the standard library, no files and no network. The task alone."
        ),
        "solve": Prompt(
            "{{problem}}\n\n---\nWrite a solution in Python and tests for it. First a fenced block with the solution; then "
            "the line TESTS; then a fenced block with at least three functions named test_..., each with assert "
            "statements: ordinary cases, edges, a large case. Do not import the solution; it stands above the tests.\n\n"
            "What went wrong before: {{failure}}"
        ),
        "style": Prompt(
            "{{problem}}\n\n---\nWrite the same task in another form: as the beginning of a function with a docstring that "
            "states it, for the reader to complete. Keep names, arguments and behaviour. The code alone."
        ),
    }

    class Options(Options):
        source: Literal["invent", "given"] = Field(
            "invent",
            title="The question is",
            description="invent: the model writes one from the row. given: the row's own question.",
        )
        attempts: int = Field(
            5, ge=1, le=50, title="Attempts", description="Solution and tests are asked for up to so many times."
        )
        restyled: bool = Field(
            False,
            title="Also as a function to complete",
            description="A second row a triplet, in another form of question.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        if why := unavailable():
            raise Unusable(why)
        row, problem = seed.row, seed.row.question
        if options.source == "invent":
            (reply,) = yield [desk.ask("question", about(row))]
            problem = stripped(reply.text)
        failures = list[str]()
        passed: tuple[str, str, int] | None = None
        while passed is None and len(failures) < options.attempts:
            values = about(row, problem=problem, failure=failures[-1] if failures else None)
            (reply,) = yield [desk.ask("solve", values, number=desk.number + 1000 * len(failures))]
            try:
                solution, tests = two_blocks(reply.text)
                passed = (solution, tests, verified(solution, tests))
            except Unusable as e:
                failures.append(str(e))
        if passed is None:
            raise Unusable(f"none of {len(failures)} attempts passes its own tests; the last: {failures[-1][:300]}")
        solution, tests, count = passed
        fields: dict[str, Any] = {
            "tests": tests,
            "number_of_tests": count,
            "attempts": len(failures) + 1,
            "pass_rate": round(1 / (len(failures) + 1), 4),
            "failures": failures,
            "domain": row.fields.get("domain"),
            "synthetic": True,
        }
        out = [new(problem, f"```python\n{solution}\n```", **fields)]
        if options.restyled:
            (reply,) = yield [desk.ask("style", about(row, problem=problem))]
            out.append(new(stripped(reply.text), f"```python\n{solution}\n```", **fields, restyled=True))
        return out


def two_blocks(text: str) -> tuple[str, str]:
    """(solution, tests) of a reply; raises Unusable unless there are a block of each and functions test_..."""
    blocks = [b.strip() for b in FENCE.findall(text)]
    if len(blocks) < 2:
        parts = MARK.split(text, 1)
        blocks = [stripped(p) for p in parts] if len(parts) == 2 else blocks
    if len(blocks) < 2 or not blocks[0] or not blocks[-1]:
        raise Unusable("it has no solution and tests in two fenced blocks")
    if not TEST.search(blocks[-1]):
        raise Unusable("the tests define no function named test_...")
    return "\n\n".join(blocks[:-1]), blocks[-1]


def verified(solution: str, tests: str, runs: Callable[..., Ran] = run) -> int:
    """How many tests there are, all of them passed; raises Unusable with what failed first."""
    ran = runs(solution, tests)
    if wrong := next((t for t in ran.tests if not t.passed), None):
        raise Unusable(f"{wrong.name} fails: {wrong.wrong}")
    if not ran.outcome.ok:
        raise Unusable(f"the solution or its tests end with: {ran.outcome.why}")
    if len(ran.tests) < (wanted := len(set(TEST.findall(tests)))):
        raise Unusable(f"{len(ran.tests)} of {wanted} tests were reached")
    return len(ran.tests)
