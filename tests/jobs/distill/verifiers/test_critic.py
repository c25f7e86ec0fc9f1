"""A critic learns what was accepted from some hundred votes."""

from __future__ import annotations

import pytest

from jobs.distill.errors import DataRefused
from jobs.distill.verifiers.critic import Critic
from tests.jobs.distill.bench import Bench, row

GOOD = ["because the tax is due", "as the contract says", "since the court held so"]
BAD = ["lol whatever", "buy now cheap pills", "asdf asdf qwer"]


def rows(n: int, votes: int) -> list:
    out = []
    for k in range(n):
        good = k % 2 == 0
        text = (GOOD if good else BAD)[k // 2 % 3]
        vote = {"vote": good} if k < votes else {}
        out.append(row(f"r{k}", f"question {k % 7}", f"{text} number {k}", **vote))
    return out


def test_it_tells_rows_apart_that_nobody_voted_on_and_says_how_well() -> None:
    given = rows(120, 40)
    verdicts = Critic().check(given, Critic.Options(), bench := Bench())
    assert [v.ok for v in verdicts] == [k % 2 == 0 for k in range(120)]
    assert "accepts 60 of 120 rows (50%)" in bench.notes[0] and "right on 100%" in bench.notes[0]
    assert all(0 <= (v.score or 0) <= 1 for v in verdicts)


def test_the_same_rows_give_the_same_critic() -> None:
    a, b = (Critic().check(rows(60, 40), Critic.Options(), Bench()) for _ in range(2))
    assert [v.score for v in a] == [v.score for v in b]


def test_it_learns_from_what_an_earlier_check_found() -> None:
    given = [row(f"r{k}", "q", (GOOD if k % 2 else BAD)[k % 3] + f" {k}", checks={"judge": 8.0 if k % 2 else 2.0} if k < 30 else {}) for k in range(50)]  # fmt: skip
    verdicts = Critic().check(given, Critic.Options(learn_from="checks.judge", good_from=6), Bench())
    assert [v.ok for v in verdicts[30:]] == [bool(k % 2) for k in range(30, 50)]


def test_too_few_votes_are_refused_with_both_numbers() -> None:
    with pytest.raises(DataRefused, match="3 accepted and 2 rejected rows; 8 of each"):
        Critic().check(rows(20, 5), Critic.Options(), Bench())
