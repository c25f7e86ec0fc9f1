"""Exact match: what counts and what does not, and where the answer stands."""

from __future__ import annotations

import time

import pytest

from jobs.distill.errors import DataRefused
from jobs.distill.verifiers.exact import ExactMatch
from jobs.distill.verifiers.finals import final

from .rows import oks, reason, row


@pytest.mark.parametrize(
    ("answer", "gold", "options", "same"),
    [
        ("Paris", "paris", {}, True),
        ("Paris", "paris", {"case": True}, False),
        (" paris. ", "Paris", {}, True),
        ("paris.", "Paris", {"punctuation": True}, False),
        ("the cat", "cat", {}, False),
        ("the cat", "cat", {"articles": False}, True),
        ("-5", "5", {}, False),
        ("3.5", "35", {}, False),
        ("ｐａｒｉｓ\u200b", "Paris", {}, True),
        ("a b", "ab", {}, False),
        ("", "x", {}, False),
        ("I think.\nAnswer: **B**.", "b", {"take": "marker"}, True),
        ("B\nbecause it is", "b", {"take": "last-line"}, False),
        ("because it is\n\nB \n", "b", {"take": "last-line"}, True),
        ("no marker here", "here", {"take": "marker"}, False),
        ("so it is yes", "yes", {"take": "auto"}, False),
    ],
)
def test_answers_are_compared_after_what_does_not_count(answer: str, gold: str, options: dict[str, object], same: bool) -> None:  # fmt: skip
    assert oks(ExactMatch, [row(answer, gold=gold)], **options) == [same]


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("so\nAnswer: **42**.", "42"),
        ("The answer is\n 7", "7"),
        (r"x \boxed{\frac{1}{2}} y", r"\frac{1}{2}"),
        (r"Answer: 3, or \boxed{4}", "4"),
        (r"\boxed{4", None),
        ("#### 72", "72"),
        ("Answer: 1\nAnswer: 2", "2"),
        ("Final answer = 9", "9"),
        ("to answer this we think", None),
        ("Answer:   ", None),
    ],
)
def test_the_last_marker_counts(text: str, marked: str | None) -> None:
    assert final(text, "marker") == marked


def test_reasons_name_both_answers() -> None:
    assert reason(ExactMatch, row("Lyon", gold="Paris")) == "says “Lyon”, right is “Paris”"
    assert "no answer stands after a marker" in reason(ExactMatch, row("x", gold="y"), take="marker")


def test_a_row_without_a_right_answer_is_dropped_and_a_pool_without_any_is_refused() -> None:
    assert oks(ExactMatch, [row("a", gold="a"), row("a")]) == [True, False]
    with pytest.raises(DataRefused, match="none of the 2 rows"):
        oks(ExactMatch, [row("a"), row("b")])


def test_long_texts_cost_time_in_proportion() -> None:
    def seconds(times: int) -> float:
        text = ("answer " + " " * 50) * times + "Answer:" + " " * 20 * times + "4"
        started = time.process_time()
        assert final(text, "marker") == "4"
        return time.process_time() - started

    seconds(100)
    assert seconds(3000) < 0.5
