from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.distill.writers.agreement import agreement
from jobs.distill.writers.base import Unusable
from tests.jobs.distill.writers.speaking import row, script, write

TEXTS = st.lists(st.lists(st.sampled_from("abcd"), max_size=6).map(" ".join), min_size=1, max_size=7)


@given(TEXTS)
def test_scores_are_the_mean_likeness_counted_word_by_word(texts: list[str]):
    def f1(a: str, b: str) -> float:
        x, y = a.split(), b.split()
        left, common = list(y), 0
        for w in x:
            if w in left:
                left.remove(w)
                common += 1
        return 2 * common / (len(x) + len(y)) if x or y else 1.0

    assert agreement(texts) == pytest.approx([sum(f1(a, b) for b in texts) / len(texts) for a in texts])


def test_the_most_agreed_is_chosen_and_the_least_rejected():
    texts = ["the tower is in paris", "the tower stands in paris", "bananas are yellow", "the tower is in paris now"]
    (made,) = write("most-agreed", row("Where? (long text)"), script(*texts), samples=4)
    scores = agreement(texts)
    assert made.fields["chosen"] == texts[scores.index(max(scores))] == made.answer
    assert made.fields["rejected"] == "bananas are yellow"
    assert made.fields["scores"]["chosen"] > made.fields["scores"]["rejected"]
    assert Counter(made.messages[-1]["content"].split())["Where?"] == 1


def test_equal_answers_make_no_pair():
    with pytest.raises(Unusable, match="differ too little"):
        write("most-agreed", row("q"), script("a", "a"), samples=2)
