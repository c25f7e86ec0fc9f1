"""Sums as Python: computed exactly as Python would, and nothing else is ever computed."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.distill.programs.safe import STEPS, evaluate

HOSTILE = sorted((Path(__file__).parents[3] / "data/programs").glob("*.py"))


@pytest.mark.parametrize(
    ("program", "value"),
    [
        ("a = 3\nb = 4\nprint(a * b)", 12),
        ("def solution():\n    '''How much?'''\n    x = 5\n    for i in range(3):\n        x += i\n    return x / 2", 4.0),
        ("print('Answer:', 3)\nprint('done')", 3),
        ("a = [1, 2, 3]\nsum(a) / len(a)", 2.0),
        ("import math\nanswer = math.sqrt(16) + math.pi * 0", 4.0),
        ("from math import comb\ncomb(5, 2)", 10),
        ("def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nprint(fib(10))", 55),
        ("x = 10\nwhile x > 3:\n    x -= 2\n    if x == 6:\n        continue\nans = x", 2),
        ("total = 0\nfor i in [1, 2, 3, 4]:\n    if i == 3:\n        break\n    total += i\ntotal", 3),
        ("a, b = 1, 2\na, b = b, a\nresult = a * 10 + b", 21),
        ("1 if 2 < 3 <= 3 and not 4 > 5 else 0", 1),
        ("x: int = 7\nx // 2 + x % 2 + -x", -3),
        ("min(3, 1, 2) + max([4, 5]) + abs(-2) + round(2.567, 2)", 10.57),
        ("divmod(7, 2)[0] + sorted([3, 1])[0] + int(3.9)", 7),
        ("2 ** 4095", 2**4095),
        ("# only a remark\n3 in [1, 3]", 1),
        ("def f(x):\n    y = x\n    return y\ny = 1\nf(5)\nanswer = y", 1),
    ],
)  # fmt: skip
def test_it_gives_what_python_gives(program: str, value: float) -> None:
    outcome = evaluate(program)
    assert (outcome.kind, outcome.why) == ("ok", "")
    assert outcome.value == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("program", "kind", "line", "words"),
    [
        ("x = 1\nimport os", "refused", 2, "import os is not allowed: only math"),
        ("from math import sin as f", "refused", 1, "from math import sin"),
        ("f = lambda: 1", "refused", 1, "lambda is not allowed"),
        ("(1).__class__", "refused", 1, ".__class__ is not allowed"),
        ("x = 1\nx = open('a')", "refused", 2, "open is not a function that may be called"),
        ("__import__('os')", "refused", 1, "__import__ is not a function"),
        ("f'{1}'", "refused", 1, "an f-string is not allowed"),
        ("[x for x in range(3)]", "refused", 1, "a comprehension"),
        ("1 << 10000", "refused", 1, "<< is not allowed"),
        ("b'a'", "refused", 1, "type bytes"),
        ("x = [1]\nx[0] = 2", "refused", 2, "setting a place"),
        ("@print\ndef f():\n    return 1", "refused", 2, "only plain functions"),
        ("print(1, sep='')", "refused", 1, "a named argument"),
        ("1 +", "refused", 1, "not Python"),
        ("\x00", "refused", None, "not Python"),
        ("\ud800", "refused", None, "not Python"),
        ("-" * 15000 + "1", "refused", None, "nested too deeply"),
        ("1\n" * 3000, "refused", 2500, "too large"),
        ("1" * 20_001, "refused", None, "20,001 characters"),
        ("9 ** 9 ** 9", "limit", 1, "more than 4,096 bits"),
        ("x = 2\nfor i in range(99):\n    x = x * x", "limit", 3, "more than 4,096 bits"),
        ("while True:\n    x = 1", "limit", 2, "more than 100,000 steps"),
        ("for i in range(10 ** 30):\n    pass", "limit", 2, "steps"),
        ("sum(range(10 ** 30))", "limit", 1, "10,000 numbers"),
        ("math.factorial(10 ** 9)", "limit", 1, "factorial of 500"),
        ("comb(10 ** 9, 3)", "limit", 1, "up to 1,000"),
        ("round(5, -10 ** 9)", "limit", 1, "100 places"),
        ("def f(n):\n    return f(n)\nf(1)", "limit", 2, "30 deep"),
        ("for i in range(2000):\n    print(i)", "limit", 2, "prints more than"),
        ("1 / 0", "failed", 1, "division by zero"),
        ("x = y + 1", "failed", 1, "y has no value yet"),
        ("g(1)\ndef g(x):\n    return x", "failed", 1, "g has no value yet"),
        ("'a' * 10", "failed", 1, "only numbers"),
        ("float('1')", "failed", 1, "takes numbers, not text"),
        ("a = [1]\nb = [a, a]", "failed", 2, "numbers only"),
        ("(-8) ** 0.5", "limit", 1, "not a real number"),
        ("1e308 * 10", "failed", None, "the result is inf"),
        ("x = 'seven'", "failed", None, "gives no number"),
        ("a, b = 1", "failed", 1, "does not fit"),
        ("def f(a):\n    return a\nf(1, 2)", "failed", 3, "takes 1 numbers, 2 are given"),
        ("break", "failed", 1, "outside of its place"),
        ("", "failed", None, "gives no number"),
    ],
)  # fmt: skip
def test_everything_else_gets_a_sentence_with_its_line(program: str, kind: str, line: int | None, words: str) -> None:
    outcome = evaluate(program)
    assert (outcome.kind, outcome.line, outcome.value) == (kind, line, None)
    assert words in outcome.why
    assert line is None or outcome.why.startswith(f"line {line}: ")


@pytest.mark.parametrize("path", HOSTILE, ids=lambda p: p.stem)
def test_hostile_programs_are_refused_or_end_in_a_limit(path: Path, tmp_path: Path) -> None:
    program = path.read_text().replace("OUTSIDE", str(tmp_path))
    expected = program.splitlines()[0].removeprefix("# safe: ")
    started = time.process_time()
    outcome = evaluate(program)
    assert outcome.kind == expected and outcome.kind != "ok" and outcome.why
    assert time.process_time() - started < 2
    assert not list(tmp_path.iterdir())


def test_there_are_as_many_hostile_programs_as_were_promised() -> None:
    assert len(HOSTILE) >= 28


def test_steps_are_counted_the_same_every_time_and_can_be_fewer() -> None:
    program = "x = 0\nfor i in range(100):\n    x += i\nx"
    assert evaluate(program) == evaluate(program)
    assert evaluate(program).steps > 100
    assert evaluate(program, steps=50).kind == "limit"


NUMBERS = st.one_of(st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3)))
SUMS = st.recursive(
    NUMBERS.map(lambda n: f"({n})"),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "<", "=="]), inner).map(
        lambda t: f"({t[0]} {t[1]} {t[2]})"
    ),
    max_leaves=12,
)


@given(SUMS)
@settings(max_examples=300, deadline=None)
def test_sums_are_those_of_python(text: str) -> None:
    outcome = evaluate(text)
    try:
        expected = eval(text, {"__builtins__": {}})
    except (ArithmeticError, ValueError):
        assert outcome.kind == "failed"
        return
    if isinstance(expected, float) and not math.isfinite(expected):
        assert outcome.kind == "failed"
    elif outcome.kind != "limit":
        assert outcome.value == expected


PIECES = """x y f ( ) [ ] , : = == + - * ** / // % < > if else for while in range( def return print( sum( len( pow( math.
import os __class__ lambda 0 1 9 99 1e300 10**9 'a' True None not and break continue global try"""
WORDS = st.sampled_from([*PIECES.split(), "\n", "\n    ", "\t"])


@given(st.one_of(st.text(max_size=300), st.lists(WORDS, max_size=60).map(" ".join)))
@settings(max_examples=400, deadline=None)
def test_it_never_raises_and_never_goes_beyond_its_limits(text: str) -> None:
    outcome = evaluate(text, steps=5000)
    assert outcome.steps <= 5000 + 10_001  # the step that goes beyond is counted: a list's length at most
    assert outcome.ok == (outcome.value is not None)
    if isinstance(outcome.value, int):
        assert outcome.value.bit_length() <= 4096
    if not outcome.ok:
        assert outcome.why
    assert STEPS == 100_000
