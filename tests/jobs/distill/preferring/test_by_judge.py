"""Pairs by a judge: swapped places, ties, rankings both agree on."""

from __future__ import annotations

import json
import re

from jobs.distill.asking import Request
from jobs.distill.preferring.base import Group
from jobs.distill.preferring.by_judge import AgreedRankings, JudgeRanking, demos_version
from tests.jobs.distill.bench import Bench, row


def group(*answers: str, question: str = "q", by: str = "student") -> Group:
    rows = [row(f"{question}{k}", question, a, by=by, parent=question) for k, a in enumerate(answers)]
    return Group(rows[0].messages, rows)


def sides(request: Request) -> tuple[int, int]:
    """The qualities that stand at A and B."""
    text = request.messages[1]["content"].split("Which of the two")[1]
    a, b = (int(x) for x in re.findall(r"quality (\d+)", text))
    return a, b


def fair(who: str, request: Request) -> str:
    a, b = sides(request)
    return json.dumps({"reason": "x", "better": "A" if a > b else "B" if b > a else "tie"})


def test_the_ranking_follows_the_quality_whatever_the_place() -> None:
    bench = Bench(fair)
    (found,) = JudgeRanking().prefer([group("quality 2", "quality 9", "quality 5")], JudgeRanking.Options(form="list"), bench)  # fmt: skip
    assert found[0].ranked == ("quality 9", "quality 5", "quality 2") and found[0].scores == (2, 1, 0)
    assert len(bench.asked) == 6  # three pairs, both ways round
    (pair,) = JudgeRanking().prefer([group("quality 2", "quality 9", "quality 5")], JudgeRanking.Options(), Bench(fair))
    assert pair[0].ranked == ("quality 9", "quality 2")


def test_a_judge_that_goes_by_the_place_finds_only_ties_and_is_told_on() -> None:
    first = Bench(lambda who, r: json.dumps({"reason": "x", "better": "A"}))
    groups = [group("quality 2", "quality 9", question=q) for q in ("q1", "q2")]
    found = JudgeRanking().prefer(groups, JudgeRanking.Options(), first)
    assert [f[0].why for f in found] == ["a tie: the judge finds none better"] * 2
    assert first.notes == ["warning: 2 comparisons, each both ways round: 2 ties, 2 of them because the judge went by the place; 0 could not be read."]  # fmt: skip


def test_a_reply_out_of_form_flags_the_question() -> None:
    found = JudgeRanking().prefer([group("quality 2", "quality 9")], JudgeRanking.Options(), bench := Bench(lambda w, r: "A!"))  # fmt: skip
    assert found[0][0].why.startswith("flagged") and len(bench.asked) == 4


def test_equal_answers_are_not_compared() -> None:
    found = JudgeRanking().prefer([group("same", "same")], JudgeRanking.Options(), bench := Bench(fair))
    assert "fewer than two different answers" in found[0][0].why and not bench.asked


def likely(who: str, r: object) -> tuple[float, int]:
    return (10.0 - int(r.answer.split()[1]), 1)  # type: ignore[attr-defined]


def test_only_agreed_rankings_come_out_and_earlier_ones_are_shown_to_the_judge() -> None:
    disagree = [group("quality 2", "quality 9", question="q1")]
    bench = Bench(fair, lambda who, r: (float(r.answer.split()[1]), 1))
    found = AgreedRankings().prefer(disagree, AgreedRankings.Options(), bench)
    assert (
        found[0][0].why == "judge and student do not agree" and "0 of 1 rankings are agreed on (0%)" in bench.notes[1]
    )
    store = [row(f"old{k}", f"old question {k}", "x", by="student", agreed=True, ranked=[f"fine {k}", f"poor {k}"]) for k in range(3)]  # fmt: skip
    bench = Bench(fair, likely, earlier=[*store, row("other", "z", "x", by="a", ranked=["1", "2"])])
    (agreed,) = AgreedRankings().prefer(disagree, AgreedRankings.Options(demos=2), bench)
    assert agreed[0].ranked == ("quality 9", "quality 2") and agreed[0].fields["agreed"] is True
    assert agreed[0].fields["demos"] == {"version": demos_version(store[1:]), "rows": ["old1", "old2"]}
    shown = bench.asked[0][1].messages[1]["content"]
    assert "Better: fine 2\nWorse: poor 2" in shown and "old question 0" not in shown
