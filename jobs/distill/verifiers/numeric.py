"""The number at the end of the answer is the right one."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field

from ..parts import Options, Paper
from .base import NO_GOLD, Bench, Row, Verdict, Verifier, gold_of, need_gold, written
from .finals import Take, final
from .numbers import Decimals, Number, last_number, shown_number


class NumericOptions(Options):
    take: Take = Field(
        "auto",
        title="Take",
        description=r"Where the number stands. auto: after the last “Answer:”, “the answer is”, “####” or \boxed{…} where there is one, else the last number of the text. marker: only there. last-line, whole: the last number of those.",
    )
    relative: float = Field(
        1e-6, ge=0, le=1, title="Tolerance (relative)", description="Difference allowed as a share of the right number."
    )
    absolute: float = Field(
        0.0,
        ge=0,
        le=1e9,
        title="Tolerance (absolute)",
        description="Difference allowed whatever the size of the number.",
    )
    percent: Literal["number", "share", "either"] = Field(
        "number",
        title="Percent",
        description="number: 50 % is 50. share: 50 % is 0.5. either: both count as equal.",
    )
    decimals: Decimals = Field(
        "point", title="Decimal mark", description="point: 1,234.5 is twelve hundred. comma: 1.234,5 is."
    )


class Numeric(Verifier):
    id = "numeric"
    title = "Right number"
    summary = "Keeps a row when the number its answer ends in is the right one; fractions, percents and 1,234.50 are read exactly."
    when_to_use = "Sums in words and measurements: the reasoning may differ, the result may not."
    formula = r"\mathbb{1}\left[|v(y) - v(y^{*})| \le \max(a,\, r\,|v(y^{*})|)\right]"
    paper = Paper(
        title="Training Verifiers to Solve Math Word Problems", authors="Cobbe, Kosaraju, Bavarian et al.", year=2021,
        url="https://arxiv.org/abs/2110.14168", arxiv="2110.14168",
    )  # fmt: skip
    Options = NumericOptions
    needs = frozenset({"gold"})

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        need_gold(rows, self.title)
        return [self._one(row, options) for row in rows]

    def _one(self, row: Row, options: NumericOptions) -> Verdict:
        if (gold := gold_of(row)) is None:
            return NO_GOLD
        right = number_of(gold, "auto", options.decimals)
        if right is None:
            return Verdict(False, "the right answer has no number to compare with")
        mine = number_of(written(row), options.take, options.decimals)
        if mine is None:
            return Verdict(False, "the answer ends in no number")
        return compared(values(mine, options.percent), values(right, options.percent), options)


def number_of(text: str, take: Take, decimals: Decimals = "point") -> Number | None:
    """The number an answer ends in; None where it has none."""
    if take in ("marker", "auto"):
        marked = final(text, "marker")
        found = last_number(marked, decimals) if marked is not None else None
        if found is not None or take == "marker":
            return found
        return last_number(text, decimals)
    return last_number(final(text, take) or "", decimals)


def values(number: Number, percent: str) -> tuple[Fraction, ...]:
    """What a number may stand for."""
    if not number.percent or percent == "number":
        return (number.value,)
    return (number.value / 100,) if percent == "share" else (number.value, number.value / 100)


def close(a: Fraction, b: Fraction, relative: float, absolute: float) -> bool:
    """Whether a is b within the tolerances, computed exactly."""
    return abs(a - b) <= max(Fraction(absolute), Fraction(relative) * abs(b))


def compared(mine: Sequence[Fraction], right: Sequence[Fraction], options: NumericOptions) -> Verdict:
    if any(close(a, b, options.relative, options.absolute) for a in mine for b in right):
        return Verdict(True)
    return Verdict(False, f"says {shown_number(mine[0])}, right is {shown_number(right[0])}")
