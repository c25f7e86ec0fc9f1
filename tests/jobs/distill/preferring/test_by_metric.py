"""Pairs by a metric, and the small search index."""

from __future__ import annotations

import math

import pytest

from jobs.distill.errors import DataRefused
from jobs.distill.preferring.base import Group
from jobs.distill.preferring.by_metric import Bm25, MetricDifference, ndcg
from tests.jobs.distill.bench import Bench, row

TEXTS = ["the cat sat on the mat", "dogs chase cats", "stock prices fell", "a treatise on felines and mats"]


def test_bm25_is_the_formula() -> None:
    index = Bm25(TEXTS)
    idf = math.log(1 + (4 - 1 + 0.5) / 1.5)
    norm = 1.2 * (1 - 0.75 + 0.75 * 3 / index.mean)
    assert index.scores("stock")[2] == pytest.approx(idf * 2.2 / (1 + norm))
    assert index.search("cat mat", 2)[0] == TEXTS[0] and index.search("nothing here", 5) == []


def test_ndcg_is_the_formula() -> None:
    assert ndcg(["a", "b", "c"], {"a"}, 10) == 1
    assert ndcg(["b", "a", "c"], {"a"}, 10) == pytest.approx(1 / math.log2(3))
    assert ndcg(["b", "c"], {"a"}, 10) == 0 and ndcg(["b", "a"], {"a"}, 1) == 0
    graded = ndcg(["b", "a"], {"a": 3.0, "b": 1.0}, 10)
    assert graded == pytest.approx((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)))


def test_an_expansion_that_finds_the_passage_wins() -> None:
    rows = [
        row("a", "pets at home", "felines mats treatise", by="teacher", parent="p", privileged=TEXTS[3]),
        row("b", "pets at home", "stock prices fell", by="student", parent="p", privileged=TEXTS[3]),
    ]
    others = [row(f"o{n}", f"question {n}", "x", by="student", parent=f"o{n}", privileged=t) for n, t in enumerate(TEXTS[:3])]  # fmt: skip
    groups = [Group(rows[0].messages, rows), *(Group(o.messages, [o]) for o in others)]
    found = MetricDifference().prefer(groups, MetricDifference.Options(metric="ndcg"), Bench())
    assert found[0][0].ranked == ("felines mats treatise", "stock prices fell")
    assert found[0][0].scores[0] > found[0][0].scores[1]


def test_overlap_with_the_right_answer_decides_where_there_is_one() -> None:
    rows = [row("a", "q", "the cat sat", by="x", parent="p"), row("b", "q", "a dog ran", by="x", parent="p")]
    groups = [Group(rows[0].messages, rows, "the cat sat down"), Group(rows[0].messages, rows, None)]
    found = MetricDifference().prefer(groups, MetricDifference.Options(), Bench())
    assert found[0][0].ranked == ("the cat sat", "a dog ran") and "no right answer" in found[1][0].why


def test_rows_without_passages_are_refused() -> None:
    rows = [row("a", "q", "x", by="y")]
    with pytest.raises(DataRefused, match="nothing to search: 0"):
        MetricDifference().prefer([Group(rows[0].messages, rows)], MetricDifference.Options(metric="ndcg"), Bench())
