from __future__ import annotations

import math

import pytest

from jobs.distill.retrieval.gain import ndcg


def test_it_is_worked_by_hand() -> None:
    found = ndcg(["x", "a", "b"], {"a": 1, "b": 2})
    assert found == pytest.approx((1 / math.log2(3) + 2 / 2) / (2 + 1 / math.log2(3)))
    assert ndcg(["b", "a", "x"], {"a": 1, "b": 2}) == 1 and ndcg(["x"], {"a"}) == 0 and ndcg(["a"], {}) == 0


def test_only_the_first_ones_count_and_each_once() -> None:
    assert ndcg(["x", "a"], {"a": 1}, most=1) == 0
    assert ndcg(["a", "a"], {"a": 1, "b": 1}) == pytest.approx(1 / (1 + 1 / math.log2(3)))
