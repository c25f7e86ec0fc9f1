"""Forms of our own list: each finds what it names, none takes longer than the text is long."""

from __future__ import annotations

import time
from typing import get_args

import pytest

from jobs.distill.verifiers.patterns import COMPILED, LOOKED_AT, PATTERNS, Name, Pattern

from .rows import oks, reason, row

YES_NO = {  # form: one text that has it, one that has not
    "number": ("it is 3.5", "none"), "integer": ("it is 3 then", "it is 3.5"), "date": ("on 2024-05-01", "on 20240501"),
    "time": ("at 14:05", "at 25:99"), "e-mail": ("to a.b@example.org now", "a at b"), "url": ("see https://example.org/a", "see example.org"),
    "phone": ("call +49 30 123456", "call 12"), "currency": ("costs $5", "costs 5"), "percent": ("5 % more", "5 more"),
    "letter-choice": ("(B)", "Bee"), "yes-no": ("Yes, it is", "yesterday"), "true-false": ("it is TRUE", "untrue"),
    "score-1-10": ("10", "11"), "json-object": ('x {"a": 1} y', "a: 1"), "code-block": ("```\nx = 1\n```", "x = 1"),
    "python-block": ("```python\nx = 1\n```", "```js\nx\n```"), "latex-boxed": (r"\boxed{\frac{1}{2}}", "boxed 1"),
    "calculator": ("<<48/2=24>>", "48/2=24"), "bullets": ("- a\n- b", "- a"), "numbered-steps": ("1. a\n2. b", "1. a"),
    "one-sentence": ("It is so.", "It is so. And so."), "one-line": ("a b", "a\nb"), "one-word": ("word", "two words"),
    "think-tags": ("<think>hm</think>\n5", "<think>hm"), "answer-marker": ("The answer is 5", "to answer this"), "question": ("Is it?", "It is."),
    "language-tag": ("pt-BR", "Portuguese"), "markdown-heading": ("# A", "#A"), "markdown-table": ("| a | b |\n|---|---|", "a | b"),
    "ascii": ("abc", "äbc"), "cites": ("as in [3]", "as in (3)"),
}  # fmt: skip


def test_every_form_of_the_list_is_here_and_offered() -> None:
    assert set(PATTERNS) == set(YES_NO) == set(get_args(Name))


@pytest.mark.parametrize("name", PATTERNS)
def test_a_form_finds_what_it_names(name: str) -> None:
    yes, no = YES_NO[name]
    assert oks(Pattern, [row(yes), row(no)], pattern=name) == [True, False]
    assert oks(Pattern, [row(yes), row(no)], pattern=name, action="drop") == [False, True]


@pytest.mark.parametrize("name", PATTERNS)
def test_no_text_makes_a_form_take_long(name: str) -> None:
    """Nothing here can be blown up (ReDoS): time that grows with the square of the text would be seconds here."""
    pieces = ["a", "1", " ", "\n", "- ", "-", "{", "[", "(", "1.", "12 ", "1,", "a.", "a@", "a@a.", "<", "<<", "<<1", "```", "```\n", "|", "| ", "|-|", "#", "\\boxed{", "\\boxed{{}", "1. a\n", "- a\n", "answer ", "answer is ", ".", "? ", "http://", "<think>", "A", "12/", "+12 34", "January "]  # fmt: skip
    for piece in pieces:
        for begin, end in (("", "\x00"), ("1. a\n", "\n! x")):
            text = begin + (piece * 30_000)[:30_000] + end
            started = time.process_time()
            COMPILED[name].search(text)
            assert time.process_time() - started < 0.7, repr(piece)


def test_nobody_s_own_expression_is_run() -> None:
    with pytest.raises(ValueError, match="Input should be"):
        oks(Pattern, [row("aaa")], pattern="(a+)+$")


def test_reasons_say_what_was_looked_for() -> None:
    assert reason(Pattern, row("hello"), pattern="date").startswith("has not a date such as")
    assert reason(Pattern, row("x 5 % y"), pattern="percent", action="drop") == "has a percentage: “5 %”"
    assert reason(Pattern, row("B because"), pattern="letter-choice", whole=True).startswith("is not one of A to J")
    assert "100,001 characters" in reason(Pattern, row("a" * (LOOKED_AT + 1)))
