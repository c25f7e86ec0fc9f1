"""Calculations in texts, each computed again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.distill.programs.calculations import calculations


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("<<48/2=24>>", ""),
        ("<<20*.05=1>>", ""),
        ("<<10/3=3.33>>", ""),
        ("<<10/3=3.3>>", ""),
        ("<<10/3=3.34>>", "it is 3.333333333"),
        ("<<2/3=0.67>>", ""),
        ("<<5*5=26>>", "it is 25"),
        ("<<50%*20=10>>", ""),
        ("<<1/4=25%>>", ""),
        ("<<2x3=6>>", ""),
        ("<<$1,000+1=$1,001>>", ""),
        ("<<007+1=8>>", ""),
        ("<<(2+3)*4=20>>", ""),
        ("<<2^3=8>>", ""),
        ("<<3-5=-2>>", ""),
        ("<<a+1=2>>", "a+1 is no calculation"),
        ("<<1/0=0>>", "1/0 cannot be computed: division by zero"),
        ("<<9**9**9=1>>", "9**9**9 cannot be computed: the power has more than 4,096 bits"),
        ("<<__import__('os')=1>>", "__import__('os') is no calculation"),
        ("<<1+1=two>>", "two is no number"),
        ("<<1+1=2e0>>", ""),
        ("<<1+1=1e99999999>>", "1e99999999 is no number"),
        ("<<1+1=1e-99999999>>", "1e-99999999 is no number"),
        ("<<(((1=1>>", "(((1 cannot be computed: not Python: '(' was never closed"),
    ],
)
def test_annotations_hold_or_say_why_not(text: str, wrong: str) -> None:
    assert [c.wrong for c in calculations(text)] == [wrong]


def test_plain_calculations_are_found_where_they_are_whole() -> None:
    text = "She has 48 / 2 = 24 eggs, $5 + $3 = $8, 10 x 3 = 31. 2 + 2 = 4 + 1. 5 = 5. 1 + 2 + 3 = 6, 50% × 20 = 10."
    found = {c.text: c.wrong for c in calculations(text, plain=True)}
    assert found == {"48 / 2 = 24": "", "$5 + $3 = $8": "", "10 x 3 = 31": "it is 30", "1 + 2 + 3 = 6": "", "50% × 20 = 10": ""}  # fmt: skip
    assert list(calculations(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "14 * 1/2 = 14/2 = 7",
        "It is 5% of $350,000 = $350,000 x 5/100 = $17500 - $1",
        "$350 000 x 5/100 = $17500",
        "(2 + 3) * 4 = 20 and 2/3 of 1/2 = 6",
        "1,2345 + 1 = 3",
    ],
)
def test_parts_of_longer_calculations_are_left_alone(text: str) -> None:
    assert [c for c in calculations(text, plain=True) if c.wrong] == []


def test_percents_and_narrow_spaces_are_read_as_people_write_them() -> None:
    text = "18 / 450 x 100 = 4% and 18 / 450 = 4%, so $864\u00a0+ $2,592 = $3,456."
    assert [c.wrong for c in calculations(text, plain=True)] == ["", "", ""]


def test_one_inside_the_other_counts_once() -> None:
    assert len(list(calculations("<<48/2=24>>24", plain=True))) == 1


@settings(deadline=None)
@given(st.text(alphabet="<>=0123456789+-*/%.,() x$", max_size=120))
def test_no_text_makes_it_raise(text: str) -> None:
    for found in calculations(text, plain=True):
        assert found.text in text


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 10**4), st.sampled_from("+-*"))
def test_right_sums_hold_and_wrong_ones_do_not(a: int, b: int, sign: str) -> None:
    right = {"+": a + b, "-": a - b, "*": a * b}[sign]
    assert [c.wrong for c in calculations(f"<<{a}{sign}{b}={right}>>")] == [""]
    assert [c.wrong for c in calculations(f"<<{a}{sign}{b}={right + 1}>>")] == [f"it is {right}"]
