"""Prompts judged by their rejected answer, at percentiles."""

from __future__ import annotations

import pytest

from jobs.distill.errors import DataRefused
from jobs.distill.verifiers.prompt_quality import RejectedQuality
from tests.jobs.distill.bench import Bench, row


def pair(id: str, high: float, low: float, length: int) -> object:
    return row(id, rejected="x" * length, chosen="y", lineage={"parents": [id], "scores": [high, low]})


def test_poor_short_and_far_rejected_answers_fall_out() -> None:
    rows = [pair("poor", 5, 1, 100), pair("short", 6, 5, 3), pair("far", 20, 5, 100), *(pair(f"g{n}", 7, 6, 100) for n in range(5))]  # fmt: skip
    verdicts = RejectedQuality().check(rows, RejectedQuality.Options(score=25, length=20, gap=80), bench := Bench())
    assert [v.ok for v in verdicts] == [False, False, False, *[True] * 5]
    assert (
        "scores 1" in verdicts[0].reason and "3 characters" in verdicts[1].reason and "gap is 15" in verdicts[2].reason
    )
    assert "Kept are pairs" in bench.notes[0]


def test_the_kept_ids_are_the_same_whatever_the_order() -> None:
    rows = [pair(f"r{n}", n % 7 + n % 3, n % 7, 10 + n * 37 % 50) for n in range(60)]
    options = RejectedQuality.Options(score=30, length=30, gap=70)

    def kept(given: list) -> set:
        return {r.row_id for r, v in zip(given, RejectedQuality().check(given, options, Bench()), strict=True) if v.ok}

    assert kept(rows) == kept(rows[::-1]) and 0 < len(kept(rows)) < 60


def test_rows_that_are_no_pairs_are_refused() -> None:
    with pytest.raises(DataRefused, match="None of 1 rows is a pair"):
        RejectedQuality().check([row("a", answer="x")], RejectedQuality.Options(), Bench())
