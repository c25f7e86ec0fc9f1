from __future__ import annotations

import pytest

from jobs.distill.retrieval.overlap import chrf, distinct, self_bleu


def test_chrf_is_worked_by_hand() -> None:
    # "abc" against "abd": of 1-grams 2 of 3 agree, of 2-grams 1 of 2, of 3-grams none.
    share = (2 / 3 + 1 / 2 + 0) / 3
    assert chrf("abc", "a b d") == pytest.approx(100 * share)
    assert chrf("abc", "ab c") == pytest.approx(100) and chrf("abc", "xyz") == 0 and chrf("", "a") == 0


def test_recall_counts_twice_as_much() -> None:
    assert chrf("ab", "abab") < chrf("abab", "ab")


def test_sets_that_repeat_themselves_are_less_distinct() -> None:
    assert distinct(["a b c", "a b d"], 2) == 3 / 4 and distinct(["a"], 2) == 0
    one = "the cat sat on the mat today"
    assert self_bleu([one, one]) == 1 and self_bleu([one]) == 0
    assert self_bleu([one, "completely other words stand in this sentence"]) == 0
    assert 0 < self_bleu([one, "the cat sat on the mat and slept"]) < 1
