"""How often each option is said, against numbers worked by hand."""

from __future__ import annotations

import pytest

from jobs.distill.option_bias import letter, option_bias


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("B", "B"),
        ("(C) it is hers", "C"),
        ("D.", "D"),
        ("Issue: whose\nAnswer: A", "A"),
        ("It was\nB, because", "B"),
        ("Because of that", None),
        ("I'd say so", None),
        ("", None),
    ],
)
def test_the_option_is_read_where_the_answer_stands(answer, found):
    assert letter(answer) == found


def test_shares_and_distances():
    golds = ["A", "B", "C", "D"]
    found = option_bias(
        golds, {"base": ["A", "A", "A", "no idea"], "student": ["A", "B", "C", "C"], "mute": ["", "x", "", ""]}
    )
    assert found is not None and found["gold"] == dict.fromkeys("ABCD", 0.25)
    assert found["said"]["base"] == {"A": 1.0} and found["said"]["student"] == {"A": 0.25, "B": 0.25, "C": 0.5}
    assert found["distance"] == {"base": 0.75, "student": 0.25, "mute": None}
    assert found["unread"] == {"base": 0.25, "student": 0.0, "mute": 1.0}


@pytest.mark.parametrize("golds", [["A", "yes"], ["A", "A"], ["apple", "B"], []])
def test_only_multiple_choice_has_one(golds):
    assert option_bias(golds, {"base": golds}) is None
