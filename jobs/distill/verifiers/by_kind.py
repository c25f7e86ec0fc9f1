"""Right answers of a mixture of rows: code by its tests, sums by their number, the rest by their text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from ..parts import Options, Paper
from .base import Bench, Row, Verdict, Verifier, gold_of
from .exact import ExactMatch
from .numbers import last_number
from .numeric import Numeric
from .programs import FIELD, UnitTests


class KindOptions(Options):
    tests: str = Field(
        "tests",
        min_length=1,
        max_length=60,
        pattern=FIELD,
        title="Field with the tests",
        description="A row that has it is code: its tests decide. Other rows are compared with their right answer.",
    )
    without: bool = Field(
        False, title="Keep what cannot be checked", description="Rows with neither tests nor a right answer."
    )


class RightByKind(Verifier):
    """Each row goes to the check that fits it, with that check's usual options."""

    id = "right-by-kind"
    title = "Right by its kind"
    summary = "Rows with tests must pass them, rows with a number as the right answer must give it, others its text."
    when_to_use = "Mathematics, code and short answers in one set."
    formula = r"v(y) = \begin{cases} t(y) & \text{tests} \\ |y - g| \le \epsilon & g \in \mathbb{R} \\ y = g & \text{else} \end{cases}"
    paper = Paper(
        title="1.4 Million Open-Source Distilled Reasoning Dataset to Empower Large Language Model Training",
        authors="Zhao, Wang, Peng, Zhao, Tian, Chen, Ji, Li",
        year=2025,
        url="https://arxiv.org/abs/2503.19633",
        arxiv="2503.19633",
    )
    Options = KindOptions

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        kinds = [kind_of(row, options.tests) for row in rows]
        found: dict[int, Verdict] = {}
        for kind, part, given in (
            ("code", UnitTests(), {"tests": options.tests}),
            ("number", Numeric(), {}),
            ("text", ExactMatch(), {}),
        ):
            places = [i for i, k in enumerate(kinds) if k == kind]
            if places:
                verdicts = part.check([rows[i] for i in places], part.Options(**given), bench)
                found |= dict(zip(places, verdicts, strict=True))
        nothing = Verdict(options.without, "" if options.without else "it has neither tests nor a right answer")
        return [found.get(i, nothing) for i in range(len(rows))]


def kind_of(row: Row, tests: str) -> str:
    """code, number, text, or empty for what nothing can be checked of."""
    if row.fields.get(tests):
        return "code"
    gold = gold_of(row)
    if gold is None:
        return ""
    return "number" if len(gold.split()) == 1 and last_number(gold) is not None else "text"
