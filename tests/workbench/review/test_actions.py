"""Decisions: what they are called, that none is lost, that a stale one changes nothing; two reviewers and a third."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.distill.errors import DataRefused
from workbench.review import actions, queries
from workbench.review.agreement import kappa, share
from workbench.review.models import Decision, Review, State
from workbench.team.models import User

from .desks import row


def keep(review: Review, rank: int, user: Any, seen: int | None = None, **new: Any) -> Any:
    return actions.decide(row(review, rank), user, "accept", seen=seen, new=new or None)


def test_it_calls_a_decision_what_it_changed(desk: Review, alice: Any) -> None:
    assert keep(desk, 1, alice).decision.verdict == "accept"
    assert keep(desk, 2, alice, answer="refund").decision.verdict == "accept"  # as it was
    assert keep(desk, 3, alice, answer="card lost").decision.verdict == "relabel"
    assert keep(desk, 4, alice, answer="my card is gone").decision.verdict == "edit"
    assert keep(desk, 5, alice, messages=[{"role": "user", "content": "better"}]).decision.verdict == "edit"
    painted = keep(desk, 6, alice, paint=[[0, 3, 0]])
    assert painted.decision.verdict == "paint" and painted.decision.new["paint"] == [[0, 3, 0.0]]
    assert queries.counts(desk) | {} == {
        "rows": 12, "decided": 6, "open": 6, "conflicts": 0, "undecided": 6, "changed": 4, "accept": 2, "edit": 2, "relabel": 1,
        "paint": 1, "reject": 0,
    }  # fmt: skip


def test_a_rejection_needs_a_reason(desk: Review, alice: Any) -> None:
    with pytest.raises(DataRefused, match="Say why"):
        actions.decide(row(desk, 1), alice, "reject", seen=0)
    assert actions.decide(row(desk, 1), alice, "reject", seen=0, reason="off topic").decision.reason == "off topic"


@pytest.mark.parametrize(("new", "words"), [
    ({"paint": [[0, 99, 0]]}, "ends at character 99, the answer has 9"),
    ({"paint": [[0, 4, 0], [3, 6, 2]]}, "overlap: 0 to 4 and 3 to 6"),
    ({"messages": [{"role": "user", "content": " "}]}, "user's text is empty"),
    ({"messages": []}, ""),
    ({"answer": "a\0b"}, "NUL"),
])  # fmt: skip
def test_it_refuses_what_no_row_can_be(desk: Review, alice: Any, new: dict[str, Any], words: str) -> None:
    if not words:
        assert keep(desk, 1, alice, **new).decision.verdict == "accept"  # nothing given: nothing changed
        return
    with pytest.raises(DataRefused, match=words):
        keep(desk, 1, alice, **new)
    assert not Decision.objects.exists()


def test_a_second_tab_is_told_and_changes_nothing(desk: Review, alice: Any, bob: Any) -> None:
    keep(desk, 1, alice, seen=0, answer="refund")
    with pytest.raises(actions.Stale, match=r"Row 1 was relabelled meanwhile by alice"):
        keep(desk, 1, bob, seen=0, answer="top up")
    assert Decision.objects.count() == 1 and keep(desk, 1, bob, seen=1, answer="top up").version == 2


def test_undo_goes_back_step_by_step_and_keeps_every_decision(desk: Review, alice: Any) -> None:
    keep(desk, 1, alice, answer="refund")
    keep(desk, 1, alice, answer="top up")
    assert actions.undo(row(desk, 1), alice, seen=2).decision.new["answer"] == "refund"
    assert actions.undo(row(desk, 1), alice, seen=3).decision is None
    assert row(desk, 1).state == State.OPEN
    with pytest.raises(DataRefused, match="nothing to undo"):
        actions.undo(row(desk, 1), alice, seen=4)
    keep(desk, 1, alice, answer="top up")
    assert [d.verdict for d in Decision.objects.all()] == ["relabel", "relabel", "undo", "undo", "relabel"]
    assert Decision.objects.get(pk=Decision.objects.filter(verdict="undo").first().undoes_id).new["answer"] == "top up"  # type: ignore[union-attr]


def test_editing_the_answer_takes_its_paint_away(desk: Review, alice: Any) -> None:
    keep(desk, 1, alice, paint=[[0, 4, 0]])
    assert keep(desk, 1, alice, answer="card gone").decision.new["paint"] == []
    assert keep(desk, 1, alice, answer="card", paint=[[0, 2, 2]]).decision.new["paint"] == [[0, 2, 2.0]]


def test_skipped_rows_come_again_at_the_end(desk: Review, alice: Any) -> None:
    actions.decide(row(desk, 1), alice, "skip", seen=0)
    following = queries.next_of(desk, alice, 0)
    assert following is not None and following.rank == 2 and row(desk, 1).state == State.OPEN
    for rank in range(2, 13):
        keep(desk, rank, alice)
    again = queries.next_of(desk, alice, 12)
    assert again is not None and again.rank == 1


def test_two_reviewers_are_blind_until_both_have_decided(desk_of_two: Review, alice: Any, bob: Any) -> None:
    keep(desk_of_two, 1, alice, answer="refund")
    actions.say(row(desk_of_two, 1), alice, "looks wrong to me")
    item = row(desk_of_two, 1)
    assert item.state == State.HALF and queries.history(item, bob) == [] and queries.opinions_shown(item) == []
    assert list(queries.decisions(desk_of_two, bob)) == []
    keep(desk_of_two, 1, bob, answer="refund")
    item = row(desk_of_two, 1)
    assert item.state == State.DONE and len(queries.opinions_shown(item)) == 2 and len(queries.history(item, bob)) == 3


def third(team: Any) -> User:
    from workbench.team.models import Membership

    user = User.objects.create_user("dora@example.org", "dora@example.org", "a long enough password")
    Membership.objects.create(team=team, user=user, role="member")
    return user


def test_a_third_decision_settles_a_conflict_and_leaves_theirs_alone(
    desk_of_two: Review, alice: Any, bob: Any, team_a: Any
) -> None:
    keep(desk_of_two, 1, alice, answer="refund")
    actions.decide(row(desk_of_two, 1), bob, "reject", seen=0, reason="unclear")
    assert row(desk_of_two, 1).state == State.CONFLICT
    dora = third(team_a)
    with pytest.raises(actions.NotYours, match="you decide where they differ"):
        keep(desk_of_two, 2, dora)
    keep(desk_of_two, 1, dora, answer="refund")
    assert row(desk_of_two, 1).state == State.DONE
    (settled,) = queries.final(desk_of_two)
    assert settled[1].user == dora and settled[1].verdict == "relabel"
    found = queries.agreement_of(desk_of_two)
    assert found["rows"] == 1 and found["same"]["value"] == 0.0 and found["third"] == 1


def test_their_own_decisions_stay_once_both_are_shown(desk_of_two: Review, alice: Any, bob: Any) -> None:
    keep(desk_of_two, 1, alice, answer="refund")
    keep(desk_of_two, 1, bob)
    keep(desk_of_two, 1, alice)  # a third decision now, whoever takes it
    assert queries.agreement_of(desk_of_two)["same"]["value"] == 0.0 and row(desk_of_two, 1).state == State.DONE
    actions.undo(row(desk_of_two, 1), bob, seen=None)
    assert row(desk_of_two, 1).state == State.CONFLICT


def test_many_rows_at_once_each_on_its_own(desk: Review, alice: Any, bob: Any) -> None:
    keep(desk, 2, bob)
    picked: dict[int, int | None] = {row(desk, n).pk: 0 for n in (1, 2, 3)}
    done, problems = actions.decide_many(desk, alice, picked, "relabel", label="refund")
    assert done == 2 and problems == [
        "Row 2 was accepted meanwhile by bob@example.org, in another tab or at another desk; nothing was changed."
    ]
    assert [row(desk, n).decisions.count() for n in (1, 2, 3)] == [1, 1, 1]


def test_decisions_of_a_file_are_taken_one_by_one(desk: Review, alice: Any) -> None:
    lines = [
        {"place": 1, "verdict": "accept"}, {"row_id": row(desk, 2).row_id, "verdict": "edit", "answer": "new words"},
        {"place": 3, "verdict": "reject"}, {"place": 99, "verdict": "accept"}, {"place": 4, "verdict": "dance"},
        {"place": 5, "verdict": "paint", "paint": [[0, 4, 0]]},
    ]  # fmt: skip
    done, problems = actions.take_in(desk, alice, lines)
    assert done == 3 and [p.split(":")[0] for p in problems] == ["Line 3", "Line 4", "Line 5"]
    assert [d["verdict"] for d in queries.decisions(desk, alice)] == ["accept", "edit", "paint"]


def test_kappa_and_its_interval_are_those_of_a_worked_example() -> None:
    """Fleiss, Cohen and Everitt 1969, table 1: 200 cases, kappa 0.429 (weights 0 and 1), standard error 0.054."""
    table = [[106, 10, 4], [22, 28, 10], [2, 12, 6]]
    pairs = [(str(a), str(b)) for a in range(3) for b in range(3) for _ in range(table[a][b])]
    found = kappa(pairs)
    assert found.value == pytest.approx(0.429, abs=5e-4) and found.n == 200
    assert (found.high - found.low) / 2 / 1.959964 == pytest.approx(0.054, abs=1e-3)  # type: ignore[operator]


def test_agreement_says_what_it_cannot_say() -> None:
    assert kappa([("keep", "keep")] * 5).value is None and "chance alone" in kappa([("keep", "keep")] * 5).why
    assert kappa([]).value is None and share(0, 0).value is None
    assert (share(9, 10).low, share(9, 10).high) == (pytest.approx(0.596, abs=1e-3), pytest.approx(0.982, abs=1e-3))
