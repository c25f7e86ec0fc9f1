"""Answers that came to their end."""

from __future__ import annotations

import pytest

from jobs.distill.verifiers.finish import Finished

from .rows import oks, reason, row

LONG = "This is an answer of more than twenty words, which is why it should end with a mark as sentences in a text always do"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("yes", None),
        (LONG + ".", None),
        (LONG + " 42", None),
        (LONG, "stops in the middle"),
        ("", "is empty"),
        (None, "is empty"),
        ("```python\nx = 1", "a fenced block is never closed"),
        ("```python\nx = 1\n```", None),
        ("<think>so", "<think> is never closed"),
        ('{"a": [1, 2', "“{” is never closed"),
        ('{"a": [1, 2]}', None),
        ("a list: 1) one 2) two", None),
        ("a smile :(", None),
    ],
)
def test_texts_that_stop_in_the_middle_are_dropped(answer: str | None, words: str | None) -> None:
    if words is None:
        assert oks(Finished, [row(answer)]) == [True]
    else:
        assert words in reason(Finished, row(answer))


def test_what_the_writer_was_cut_off_in_is_dropped() -> None:
    assert "cut off" in reason(Finished, row("fine.", of="p", lineage={"finish": "length"}))
    assert oks(Finished, [row("fine.", of="p", lineage={"finish": "stop"}), row(LONG)], ending=False) == [True, True]
