"""Pairs by a metric."""

from __future__ import annotations

import pytest

from jobs.distill.errors import DataRefused
from jobs.distill.preferring.base import Group
from jobs.distill.preferring.by_metric import MetricDifference
from tests.jobs.distill.bench import Bench, row

TEXTS = ["the cat sat on the mat", "dogs chase cats", "stock prices fell", "a treatise on felines and mats"]


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
