from __future__ import annotations

import pytest

from jobs.distill.errors import DataRefused
from jobs.distill.verifiers.contradictions import Contradictions
from tests.jobs.distill.bench import Bench, row


def said(id: str, more: str, less: str, by: str = "weight"):
    return row(id, answer=f"{more} > {less}", comparison={"more": more, "less": less, "property": by})


def verdicts(*rows, **options):
    return Contradictions().check(rows, Contradictions.Options(**options), Bench())


def test_both_sides_of_a_contradiction_go_and_others_stay() -> None:
    found = verdicts(said("a", "steel", "wool"), said("b", "Wool", "steel"), said("c", "steel", "wool", "price"))
    assert [v.ok for v in found] == [False, False, True]
    assert found[0].reason == "1 of 2 say the opposite: wool more than steel in weight"


def test_what_was_said_more_often_stays() -> None:
    rows = [said("a", "steel", "wool"), said("b", "steel", "wool"), said("c", "wool", "steel")]
    assert [v.ok for v in verdicts(*rows)] == [True, True, False] and verdicts(*rows)[0].score == pytest.approx(2 / 3)
    assert not any(v.ok for v in verdicts(*rows, margin=2))


def test_rows_that_compare_nothing_are_refused_together_and_fail_alone() -> None:
    with pytest.raises(DataRefused, match="None of the rows is a comparison"):
        verdicts(row("a", answer="x"))
    assert [v.ok for v in verdicts(row("a", answer="x"), said("b", "p", "q"))] == [False, True]
