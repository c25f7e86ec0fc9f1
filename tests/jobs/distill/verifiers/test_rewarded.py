"""Rewards from the structure of answers, and by a reward model."""

from __future__ import annotations

import pytest

from jobs.distill.verifiers.rewarded import PseudoReward, RewardScore
from tests.jobs.distill.bench import Bench, row


def test_answers_that_end_as_the_teacher_s_score_higher() -> None:
    rows = [
        row("t", "q", "two and two make 4", by="teacher", parent="p"),
        row("s1", "q", "it must be 4", by="student", parent="p"),
        row("s2", "q", "it must be 5", by="student", parent="p"),
        row("s3", "q", "no idea", by="student", parent="p"),
    ]
    scores = [v.score for v in PseudoReward().check(rows, PseudoReward.Options(), Bench())]
    assert scores == [pytest.approx(x) for x in (1 + 0.25 + 0.5, 1 + 0.25 + 0.5, 0.125 + 0.5, 0)]


def test_a_question_without_a_teacher_s_answer_is_said() -> None:
    PseudoReward().check([row("s", "q", "5", by="student", parent="p")], PseudoReward.Options(), bench := Bench())
    assert "1 questions have no answer of teacher" in bench.notes[0]


def test_a_reward_model_scores_and_may_drop() -> None:
    rows = [row("a", answer="xx"), row("b", answer="x")]
    bench = Bench(gives=lambda r: float(len(r.answer)))
    assert [v.score for v in RewardScore().check(rows, RewardScore.Options(), bench)] == [2, 1]
    assert [v.ok for v in RewardScore().check(rows, RewardScore.Options(least=1.5), bench)] == [True, False]
