"""Numbers as people write them, read exactly: 1,234.50; -3/4; 2 1/2; 5 %; \\frac{1}{3}; 1.2e6. Never as floats."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

DIGITS = 400  # of one number: longer runs of digits are no answer
LOOKED_AT = 100_000  # characters from the end of a text
Decimals = Literal["point", "comma"]

GROUPS = {"point": ",'\u2019\u00a0\u202f\u2009", "comma": ".'\u2019\u00a0\u202f\u2009"}
POINT = {"point": r"\.", "comma": ","}


def _pattern(decimals: Decimals) -> re.Pattern[str]:
    point, group = POINT[decimals], GROUPS[decimals]
    # Possessive: a number that is not read to its end is not read at all.
    plain = rf"(?:\d{{1,3}}(?:[{group}]\d{{3}})++(?!\d)|\d++)(?:{point}\d++)?+|{point}\d++"
    return re.compile(
        r"(?P<sign>(?<![\w).])[-+\u2212\u2013])?(?P<money>[$\u20ac\u00a3\u00a5])?(?:"
        r"\\[dt]?frac\{(?P<top>-?\d{1,50})\}\{(?P<bottom>\d{1,50})\}"
        rf"|(?<![A-Za-z_/\d])(?:(?P<units>\d{{1,12}})[ \u00a0](?=\d{{1,9}}/\d))?(?P<value>{plain})"
        r"(?:(?P<power>[eE][-+]?\d{1,3}(?!\w|\.\d))|(?![eE][-+]?\d))"
        r"(?:[ ]?[/\u2044][ ]?(?P<under>\d{1,50})(?![\d/]|[ ]?/))?"
        r")(?P<percent>[ \u00a0]?\\?%)?"
    )


PATTERNS: dict[Decimals, re.Pattern[str]] = {"point": _pattern("point"), "comma": _pattern("comma")}


@dataclass(frozen=True)
class Number:
    """A number of a text with its exact value; `percent`: a percent sign follows, the value is the number before it."""

    value: Fraction
    percent: bool
    text: str


def numbers(text: str, decimals: Decimals = "point") -> Iterator[Number]:
    """Every number of a text, from left to right. Those of more than 400 digits and divisions by zero are left out."""
    for found in PATTERNS[decimals].finditer(text[-LOOKED_AT:]):
        value = _value(found, decimals)
        if value is not None:
            yield Number(value, bool(found["percent"]), found[0].strip())


def last_number(text: str, decimals: Decimals = "point") -> Number | None:
    """The last number of a text: where the result of a sum in words stands."""
    return next(iter(deque(numbers(text, decimals), maxlen=1)), None)


def _value(found: re.Match[str], decimals: Decimals) -> Fraction | None:
    if found["top"] is not None:
        value = Fraction(int(found["top"]), int(found["bottom"])) if int(found["bottom"]) else None
    else:
        value = _written(found, decimals)
    return value if value is None or found["sign"] in (None, "+") else -value


def _written(found: re.Match[str], decimals: Decimals) -> Fraction | None:
    text = found["value"]
    if len(text) > DIGITS:
        return None
    for mark in GROUPS[decimals]:
        text = text.replace(mark, "")
    value = Fraction(text.replace(",", ".") + (found["power"] or ""))
    if found["under"] is not None:
        if not int(found["under"]):
            return None
        value /= int(found["under"])
    return value + int(found["units"]) if found["units"] is not None else value


def shown_number(value: Fraction) -> str:
    """For a reason: as a decimal where it ends soon, else as a fraction."""
    if value.denominator == 1:
        text = str(value.numerator) if value.numerator.bit_length() < 1000 else "a very long number"
    else:
        text = f"{float(value):.10g}" if abs(value) < 10**15 else f"about {float(value):.3g}" if abs(value) < 10**300 else "a very long number"  # fmt: skip
    return text
