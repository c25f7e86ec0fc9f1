"""Pairs by a check and by scores."""

from __future__ import annotations

import pytest

from jobs.distill.errors import RecipeInvalid
from jobs.distill.preferring.base import Group
from jobs.distill.preferring.by_check import ByScore, VerifiedOverFailed
from tests.jobs.distill.bench import Bench, row


def group(*rows: object, gold: str | None = None) -> Group:
    return Group(rows[0].messages, rows, gold)  # type: ignore[attr-defined, arg-type]


def sums(*answers: str, by: str = "student", **more: object) -> list:
    return [row(f"{by}{k}", "1 + 2", a, by=by, parent="p", gold="3", **more) for k, a in enumerate(answers)]


def test_right_answers_win_over_wrong_ones() -> None:
    groups = [group(*sums("so 3", "it is 5", "3!", "7")), group(*sums("3", "also 3")), group(*sums("4"))]
    found = VerifiedOverFailed().prefer(groups, VerifiedOverFailed.Options(check="numeric", most=3), Bench())
    assert {p.ranked for p in found[0]} <= {(a, b) for a in ("so 3", "3!") for b in ("it is 5", "7")}
    assert len({p.ranked for p in found[0]}) == 3
    assert found[1][0].why == "every answer passes the check" and found[2][0].why == "no answer passes the check"


def test_sides_may_be_asked_of_one_writer() -> None:
    rows = [*sums("3", "5", by="student"), *sums("just 3", "9", by="teacher")]
    options = VerifiedOverFailed.Options(check="numeric", most=9, right_from="teacher", wrong_from="student")
    (found,) = VerifiedOverFailed().prefer([group(*rows)], options, Bench())
    assert [p.ranked for p in found] == [("just 3", "5")] and found[0].sources == ("teacher", "student")


def test_an_unknown_check_and_a_wrong_option_are_named() -> None:
    for options, field in (({"check": "nope"}, "options.check"), ({"check": "numeric", "options": {"x": 1}}, "options.options.x")):  # fmt: skip
        with pytest.raises(RecipeInvalid) as e:
            VerifiedOverFailed().prefer([group(*sums("3"))], VerifiedOverFailed.Options(**options), Bench())
        assert e.value.field == field


def scored(**scores: float) -> list:
    return [row(k, "q", f"answer {k}", by=k[0], parent="p", checks={"judge": s}) for k, s in scores.items()]


def test_the_best_score_wins_over_the_worst() -> None:
    rows = scored(a1=3, b1=9, a2=5, c1=1)
    (found,) = ByScore().prefer([group(*rows)], ByScore.Options(score="judge"), Bench())
    assert found[0].ranked == ("answer b1", "answer c1") and found[0].scores == (9, 1)
    (listed,) = ByScore().prefer([group(*rows)], ByScore.Options(score="judge", form="list"), Bench())
    assert listed[0].ranked == tuple(f"answer {k}" for k in ("b1", "a2", "a1", "c1"))


def test_both_sides_come_from_one_source_where_so_set() -> None:
    rows = scored(a1=3, b1=9, a2=5, c1=1)
    (found,) = ByScore().prefer([group(*rows)], ByScore.Options(score="judge", sources="same"), Bench())
    assert found[0].sources == ("a", "a") and found[0].scores == (5, 3)
    (none,) = ByScore().prefer([group(*scored(a1=1, b1=2))], ByScore.Options(score="judge", sources="same"), Bench())
    assert none[0].why == "no writer has two different answers"


def test_ties_small_gaps_and_missing_scores_make_no_pair() -> None:
    rule, groups = ByScore(), [group(*scored(a=2, b=2)), group(*scored(a=2, b=2.1)), group(row("x", "q", "y", by="a"))]
    found = rule.prefer(groups, ByScore.Options(score="judge", least_gap=0.5), bench := Bench())
    assert [f[0].why for f in found] == ["all answers score the same", "best and worst are 0.1 apart, 0.5 is wanted", "no answer has a score"]  # fmt: skip
    assert bench.notes == ["warning: 1 questions have no answer with a score by judge."]


def test_likeness_to_the_others_and_reward_models_are_scores() -> None:
    texts = ("the cat sat down", "the cat sat", "a cat sat down", "zebra")
    rows = [row(f"r{k}", "q", t, by="student", parent="p") for k, t in enumerate(texts)]
    (by_likeness,) = ByScore().prefer([group(*rows)], ByScore.Options(score="mbr"), Bench())
    assert by_likeness[0].ranked[1] == "zebra"
    (by_reward,) = ByScore().prefer([group(*rows)], ByScore.Options(score="reward-model"), Bench(gives=lambda r: len(r.answer)))  # fmt: skip
    assert by_reward[0].ranked == ("the cat sat down", "zebra")
