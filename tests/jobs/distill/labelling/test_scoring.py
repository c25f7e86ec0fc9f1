"""Macro F1 and strict span F1 against numbers worked out by hand."""

from __future__ import annotations

import pytest

from jobs.distill.labelling import scoring


def test_macro_f1_counts_every_gold_label_once():
    said, gold = ["a", "a", "b", "a"], ["a", "b", "b", "c"]
    table = {row["label"]: row for row in scoring.by_label(said, gold)}
    assert table["a"]["precision"] == pytest.approx(1 / 3) and table["a"]["recall"] == 1
    assert table["b"]["f1"] == pytest.approx(2 / 3) and table["c"]["f1"] == 0
    assert scoring.macro_f1(said, gold) == pytest.approx((0.5 + 2 / 3 + 0) / 3)
    low, high = scoring.macro_interval(said * 10, gold * 10, 200, 0)
    assert low < scoring.macro_f1(said, gold) < high


def test_a_span_is_right_when_both_ends_and_the_kind_agree():
    said = [[(0, 3, "x"), (4, 6, "x")], [(0, 2, "y")], []]
    gold = [[(0, 3, "x"), (4, 7, "x")], [(0, 2, "x")], []]
    scores = scoring.span_scores(said, gold)
    assert scores.top.tolist() == [2, 0, 0] and scores.bottom.tolist() == [4, 2, 0]
    assert float(scores.mean()) == pytest.approx(1 / 3)
    kinds = {row["label"]: row for row in scoring.by_kind(said, gold)}
    assert kinds["x"] | {"f1": 0} == {"label": "x", "n": 3, "said": 2, "precision": 0.5, "recall": 1 / 3, "f1": 0}
    assert kinds["y"]["precision"] == 0


def test_what_is_mixed_up_most_comes_first():
    found = scoring.confused(["b", "b", "c", "a"], ["a", "a", "a", "a"])
    assert found == [{"gold": "a", "said": "b", "n": 2}, {"gold": "a", "said": "c", "n": 1}]
