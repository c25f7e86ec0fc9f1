"""Weights of domains by how far the student is behind."""

from __future__ import annotations

import pytest

from jobs.distill.errors import PlanRefused
from jobs.distill.selection.base import Read
from jobs.distill.selection.gap import DomainGap, target_shares
from tests.jobs.distill.systems import choosing

READS = {
    "teacher": {"a0": Read(1, 1), "a1": Read(1, 1), "a2": Read(1, 1), "b0": Read(1, 1)},
    "reference": {"a0": Read(2, 1), "a1": Read(2, 1), "a2": Read(2, 1), "b0": Read(4, 1)},
}


def test_weights_turn_the_shares_of_the_rows_into_those_of_the_gaps() -> None:
    pool = choosing.pool(READS, {r: r[0] for r in READS["teacher"]})
    weights = DomainGap().choose(pool, 1.0, DomainGap.Options(floor=0.2)).weights
    assert sum(weights.values()) == pytest.approx(4)  # mean 1
    assert weights["b0"] / 4 == pytest.approx(0.8 * 3 / 4 + 0.1) and weights["a0"] == weights["a2"]


def test_where_the_student_is_behind_nowhere_shares_are_equal() -> None:
    assert target_shares({"a": -1.0, "b": -2.0}, 0.1) == {"a": 0.5, "b": 0.5}


def test_one_domain_leaves_nothing_to_weigh() -> None:
    with pytest.raises(PlanRefused, match="of 1 domain"):
        DomainGap().choose(choosing.pool(READS), 1.0, DomainGap.Options())
