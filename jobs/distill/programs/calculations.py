"""Calculations that stand in a text, each computed again: <<48/2=24>>, or 48 / 2 = 24 in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from .safe import evaluate

MOST = 500  # calculations of one text
ANNOTATED = re.compile(r"<<([^<>=]{1,200})=([^<>=]{1,60})>>")
NUMBER = r"(?>[$€£]?(?:\d{1,3}(?:,\d{3}){1,9}(?!\d)|\d{1,30})(?:\.\d{1,30})?%?)"
SIGN = r"\s?[-+*/x×÷−]\s?"
PLAIN = re.compile(
    rf"(?<![\w.,$€£*/+=×÷−()-])(?<![\d*/+=x×÷−)-]\s)(?<!\bof\s)({NUMBER}(?:{SIGN}{NUMBER}){{1,12}})\s?=\s?([-−]?{NUMBER})(?![\d,]*\d|{SIGN}\d|\s?=)"
)
SIGNS = str.maketrans({"×": "*", "÷": "/", "−": "-", "–": "-", "^": "**"} | dict.fromkeys("$€£, \u00a0\u202f", ""))
TIMES = re.compile(r"(?<=[\d)%]) ?[xX] ?(?=[\d($.])")
PERCENT = re.compile(r"(\d+(?:\.\d+)?|\.\d+)%")
ZEROS = re.compile(r"(?<![\d.])0+(?=\d)")  # Python reads no 007
FORM = re.compile(r"[\d.+\-*/()]+")
# What `Fraction` may read: it would spend minutes on the digits of 1e99999999.
WRITTEN = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3}|/\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Calculation:
    """`wrong`: why it does not hold; empty where it does."""

    text: str
    wrong: str


def calculations(text: str, plain: bool = False) -> Iterator[Calculation]:
    """Every calculation of a text, checked, in order. A result that is rounded holds when it is rounded rightly."""
    found = [(m.start(), m) for m in ANNOTATED.finditer(text)]
    if plain:
        spans = [m.span() for _, m in found]
        found += [(m.start(), m) for m in PLAIN.finditer(text) if not any(a <= m.start() < b for a, b in spans)]
    for _, match in sorted(found, key=lambda f: f[0])[:MOST]:
        yield Calculation(match[0], _wrong(match[1], match[2]))


def result_of(calculation: Calculation) -> Fraction | None:
    """The number on the right side; None where it is none."""
    found = _fraction(calculation.text.strip("<>").rpartition("=")[2])
    return found[0] if found else None


def _wrong(left: str, right: str) -> str:
    said = _fraction(right)
    if said is None:
        return f"{right.strip()} is no number"
    expression = ZEROS.sub("", PERCENT.sub(r"(\1/100)", TIMES.sub("*", left).translate(SIGNS)))
    if not FORM.fullmatch(expression):
        return f"{left.strip()} is no calculation"
    outcome = evaluate(expression)
    if outcome.value is None:
        return f"{left.strip()} cannot be computed: {outcome.why.removeprefix('line 1: ')}"
    # 18 / 450 x 100 = 4% is how people write it, and so is 18 / 450 = 4%.
    scales = (1, 100) if "%" in right else (1,)
    if all(abs(Fraction(outcome.value) - scale * said[0]) > scale * said[1] for scale in scales):
        return f"it is {outcome.value:.10g}" if isinstance(outcome.value, float) else f"it is {outcome.value}"
    return ""


def _fraction(text: str) -> tuple[Fraction, Fraction] | None:
    """The number and how far a right result may lie from it: half of its last decimal, for whole numbers what floats lose."""
    bare = PERCENT.sub(r"\1", text.translate(SIGNS))
    try:
        value = Fraction(bare.strip() if WRITTEN.fullmatch(bare.strip()) else "")
    except (ValueError, ZeroDivisionError):
        return None
    slack = min(max(Fraction(1, 10**6), abs(value) / 10**9), Fraction(49, 100))  # never to the next whole number
    if "." in bare and "/" not in bare:
        slack = max(slack, Fraction(501, 1000 * 10 ** len(bare.partition(".")[2])))
    if "%" in text:
        return value / 100, slack / 100
    return value, slack
