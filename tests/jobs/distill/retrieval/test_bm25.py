from __future__ import annotations

import math
from collections import Counter

import pytest

from jobs.distill.retrieval.bm25 import BM25, terms

TEXTS = ["the cat sat on the mat", "the dog sat", "a bird, a bird and a cat", "", "nothing of interest here at all"]


def slowly(texts: list[str], query: str, k1: float = 1.2, b: float = 0.75) -> list[float]:
    """The formula, text by text."""
    counted = [Counter(terms(t)) for t in texts]
    mean = sum(sum(c.values()) for c in counted) / len(texts)
    out = []
    for counts in counted:
        total = 0.0
        for term in terms(query):
            n = sum(term in c for c in counted)
            f = counts[term]
            norm = k1 * (1 - b + b * sum(counts.values()) / mean)
            total += math.log(1 + (len(texts) - n + 0.5) / (n + 0.5)) * f * (k1 + 1) / (f + norm)
        out.append(total)
    return out


@pytest.mark.parametrize("query", ["cat", "the cat sat", "bird bird", "zebra", "Mat, cat!"])
def test_it_scores_as_the_formula_says(query: str) -> None:
    assert BM25(TEXTS).scores(query) == pytest.approx(slowly(TEXTS, query), abs=1e-12)


def test_it_ranks_best_first_and_leaves_out_what_shares_no_word() -> None:
    found = BM25(TEXTS).search("cat mat")
    assert [f.place for f in found] == [0, 2] and found[0].score > found[1].score
    assert BM25(TEXTS).search("zebra") == [] and BM25([]).search("cat") == []
    assert len(BM25(TEXTS).search("the cat", most=1)) == 1


def test_a_text_is_as_similar_to_itself_as_can_be() -> None:
    for place, text in enumerate(TEXTS):
        if text:
            best = BM25(TEXTS).search(text)[0]
            assert (best.place, best.similarity) == (place, pytest.approx(1.0))
