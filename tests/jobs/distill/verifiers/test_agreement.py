"""Candidates of one question: votes, ties, and the one nearest to all others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.distill.scores import rouge_l
from jobs.distill.verifiers.agreement import Majority, MinimumBayesRisk, agreement

from .rows import Written, check, oks, row


def candidates(*answers: str, of: str = "q") -> list[Written]:
    return [row(a, id=f"{of}{i}", of=of) for i, a in enumerate(answers)]


def test_candidates_that_agree_stay() -> None:
    rows = candidates("I think.\nAnswer: 5", "Answer: five", "so\nAnswer: 5.", "Answer: 7")
    verdicts = check(Majority, rows)
    assert [v.ok for v in verdicts] == [True, False, True, False]
    assert verdicts[0].reason == "2 of 4 say “5”" and verdicts[0].score == 0.5
    assert verdicts[3].reason == "says “7”, 2 of 4 say otherwise"


@pytest.mark.parametrize(
    ("answers", "options", "ok"),
    [
        (("5", "5", "6"), {"share": 0.7}, [False, False, False]),
        (("5", "5", "6", "6"), {}, [False] * 4),
        (("5", "6"), {"share": 0.5, "votes": 1}, [False, False]),
        (("5",), {}, [False]),
        (("5",), {"votes": 1}, [True]),
        (("5.0 apples", "5", "five"), {"by": "number"}, [True, True, False]),
        (("5", "5", "5"), {"keep": "one"}, [True, False, False]),
        (("", "", ""), {}, [False] * 3),
    ],
)
def test_ties_and_small_majorities_keep_nothing(answers: tuple[str, ...], options: dict[str, object], ok: list[bool]) -> None:  # fmt: skip
    assert oks(Majority, candidates(*answers), **options) == ok


def test_questions_are_voted_on_apart_whatever_their_order() -> None:
    rows = [*candidates("1", "1", of="a"), *candidates("1", "2", "2", of="b")]
    mixed = [rows[i] for i in (2, 0, 3, 1, 4)]
    assert dict(zip((r.row_id for r in mixed), oks(Majority, mixed), strict=True)) == {
        "a0": True, "a1": True, "b0": False, "b1": True, "b2": True,
    }  # fmt: skip


WORDS = st.lists(st.sampled_from("abcdef"), max_size=6).map(" ".join)


@settings(deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=6), st.sampled_from(["words", "cosine", "rouge-l"]))
def test_the_winner_is_the_one_with_the_highest_mean_similarity(texts: list[str], similarity: str) -> None:
    def between(a: str, b: str) -> float:
        return agreement([a, b], similarity)[0]

    brute = [
        sum(between(t, o) for j, o in enumerate(texts) if j != i) / max(1, len(texts) - 1) for i, t in enumerate(texts)
    ]
    assert agreement(texts, similarity) == pytest.approx(brute)
    verdicts = check(MinimumBayesRisk, candidates(*texts), similarity=similarity)
    winners = [i for i, v in enumerate(verdicts) if v.ok]
    assert len(winners) == 1
    assert brute[winners[0]] == pytest.approx(max(brute))
    assert [v.score for v in verdicts] == pytest.approx(brute)


def test_similarities_are_what_they_say() -> None:
    assert agreement(["a b b", "b c b"], "words") == pytest.approx([2 / 3, 2 / 3])
    assert agreement(["a b", "b c"], "cosine") == pytest.approx([0.5, 0.5])
    assert agreement(["a b c d", "b a c d"], "rouge-l") == pytest.approx([rouge_l("a b c d", "b a c d")] * 2)
    assert agreement(["a"], "words") == [0.0]


def test_several_may_stay_and_a_least_agreement_may_be_wanted() -> None:
    rows = candidates("a b c", "a b d", "x y z")
    assert oks(MinimumBayesRisk, rows, keep=2) == [True, True, False]
    assert oks(MinimumBayesRisk, rows, least=0.5) == [False, False, False]
