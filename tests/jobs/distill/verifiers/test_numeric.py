"""Numbers as people write them, and tolerances that are exact."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.distill.verifiers.numbers import last_number, numbers, shown_number
from jobs.distill.verifiers.numeric import Numeric

from .rows import oks, reason, row


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,234.50", ["1234.5"]),
        ("-3/4", ["-3/4"]),
        ("2 1/2 cups", ["5/2"]),
        (r"\frac{1}{3} and \dfrac{-2}{4}", ["1/3", "-1/2"]),
        ("1.2e6, 5E-3", ["1200000", "1/200"]),
        ("3,5", ["3", "5"]),
        ("1,2345", ["1", "2345"]),
        ("12'345 and 12\u202f345", ["12345", "12345"]),
        ("1/2/2020", ["1"]),
        ("48/2=24", ["24", "24"]),
        ("5-3", ["5", "3"]),
        ("it is -5 or (-6)", ["-5", "-6"]),
        ("\u22127", ["-7"]),
        ("$1,000 or -$5", ["1000", "-5"]),
        ("2020-05-01", ["2020", "5", "1"]),
        (".5", ["1/2"]),
        ("x2 and y_3 and v23", []),
        ("5/0", []),
        ("9" * 401, []),
        ("1e9999 and 12.5e9999 and 1e3.", ["1000"]),
        ("6.", ["6"]),
        ("none", []),
    ],
)
def test_numbers_are_read_exactly(text: str, values: list[str]) -> None:
    found = [n.value for n in numbers(text)]
    assert found == [Fraction(v) for v in values]


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_it_agrees_with_decimal_in_every_spelling(value: Decimal) -> None:
    for text in (f"{value}", f"{value:,}", f"the result is {value:,}.", f"a: {value} apples"):
        found = last_number(text)
        assert found is not None and found.value == Fraction(value)
    german = f"{value:,}".translate(str.maketrans(",.", ".,"))
    found = last_number(german, "comma")
    assert found is not None and found.value == Fraction(value)


@settings(deadline=None)
@given(st.text(max_size=400))
def test_no_text_makes_it_raise(text: str) -> None:
    for number in numbers(text):
        assert isinstance(number.value, Fraction) and shown_number(number.value)


@settings(deadline=None)
@given(st.integers(-(10**400), 10**400), st.integers(1, 10**50))
def test_every_number_can_be_shown(top: int, bottom: int) -> None:
    assert shown_number(Fraction(top, bottom))


@pytest.mark.parametrize(
    ("answer", "gold", "options", "ok"),
    [
        ("She has 1,234 eggs.", "1234", {}, True),
        ("3 + 4 = 7.\nAnswer: 8.\nI used 2 steps.", "8", {}, True),
        ("3 + 4 = 7. I used 2 steps.", "7", {}, False),
        ("so 0.3333333", "1/3", {}, True),
        ("so 0.333", "1/3", {}, False),
        ("so 0.333", "1/3", {"relative": 0.01}, True),
        ("10.4", "10", {"relative": 0, "absolute": 0.5}, True),
        ("50%", "50", {}, True),
        ("50%", "0.5", {}, False),
        ("50%", "0.5", {"percent": "either"}, True),
        ("50%", "0.5", {"percent": "share"}, True),
        ("50%", "50", {"percent": "share"}, False),
        ("1.234,5", "1234,5", {"decimals": "comma"}, True),
        ("#### 72", "He sold 48+24 = <<48+24=72>>72\n#### 72", {}, True),
        ("72", "#### 72", {"take": "marker"}, False),
        ("none", "3", {}, False),
        ("0.1", "0.10000001", {"relative": 0}, False),
        ("-4", "4", {}, False),
    ],
)
def test_the_number_at_the_end_decides(answer: str, gold: str, options: dict[str, object], ok: bool) -> None:
    assert oks(Numeric, [row(answer, gold=gold)], **options) == [ok]


def test_reasons_name_both_numbers() -> None:
    assert reason(Numeric, row("It is 7.5", gold="8")) == "says 7.5, right is 8"
    assert "no number" in reason(Numeric, row("None", gold="8"))
    assert "right answer has no number" in reason(Numeric, row("7", gold="eight"))
