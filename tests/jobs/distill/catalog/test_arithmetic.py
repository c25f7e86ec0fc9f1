"""The arithmetic of system files: numbers and options, nothing else."""

from __future__ import annotations

import pytest

from jobs.distill.catalog.arithmetic import evaluate, names_in, resolve


@pytest.mark.parametrize(
    "text,expected",
    [("1 - k", 0.1), ("k", 0.9), ("2 * (k + 1) / 4", 0.95), ("-k", -0.9), ("flag", True), ("word", "abc"), ("3", 3)],
)
def test_it_computes(text, expected):
    assert evaluate(text, {"k": 0.9, "flag": True, "word": "abc"}) == expected


@pytest.mark.parametrize(
    "text,words",
    [
        ("__import__('os').system('true')", "may only use"),
        ("k.__class__", "may only use"),
        ("k ** 9", "may only use"),
        ("[k][0]", "may only use"),
        ("'a'", "may only use"),
        ("z + 1", "uses 'z', which is no option"),
        ("1 / (k - k)", "divides by zero"),
        ("word + 1", "is no number"),
        ("1 +", "is not an expression"),
    ],
)
def test_it_refuses_everything_else(text, words):
    with pytest.raises(ValueError, match=words):
        evaluate(text, {"k": 0.9, "word": "abc"})


def test_it_walks_nested_data():
    data = [{"a": "= 1 - k", "b": ["=k", "plain = text", 3]}]
    assert resolve(data, {"k": 0.25}) == [{"a": 0.75, "b": [0.25, "plain = text", 3]}]
    assert names_in(data) == {"k"}


def test_what_an_option_turns_off_is_left_out():
    data = {"stages": [{"kind": "a"}, {"kind": "b", "when": "= more", "c": "= 2 * k"}, "when"]}
    assert resolve(data, {"more": True, "k": 3}) == {"stages": [{"kind": "a"}, {"kind": "b", "c": 6}, "when"]}
    assert resolve(data, {"more": False, "k": 3}) == {"stages": [{"kind": "a"}, "when"]}
    assert names_in(data) == {"more", "k"}
