"""Rows by how models read them."""

from __future__ import annotations

import math

import pytest

from jobs.distill.verifiers.bands import InstructionDifficulty, PerplexityBand, SureAndNeeded, percentile
from tests.jobs.distill.bench import Bench, row


def test_percentiles_are_those_of_the_textbook() -> None:
    assert [percentile([1, 2, 3, 4, 5], p) for p in (0, 25, 50, 90, 100)] == [1, 2, 3, pytest.approx(4.6), 5]


def test_the_band_keeps_what_is_neither_known_by_heart_nor_garbage() -> None:
    rows = [row(f"r{n}", answer=str(n)) for n in range(11)] + [row("none")]
    bench = Bench(reads=lambda who, r: (math.log(1 + int(r.answer)), 1))
    verdicts = PerplexityBand().check(rows, PerplexityBand.Options(least=10, most=90), bench)
    assert [v.ok for v in verdicts] == [False, *[True] * 9, False, False]
    assert "could not read it" in verdicts[-1].reason
    fixed = PerplexityBand().check(rows, PerplexityBand.Options(by="value", least=2, most=4), bench)
    assert [n for n, v in enumerate(fixed) if v.ok] == [1, 2, 3]


def test_sure_teacher_and_unsure_student_keep_one_quarter() -> None:
    rows = [row(f"r{n}", answer=str(n)) for n in range(4)]
    bench = Bench(reads=lambda who, r: (0.1 if int(r.answer) & 1 else 3.0, 1) if who == "teacher" else (1, 1))
    bench.read = (
        lambda who, rows, plain=bench.read: {  # type: ignore[method-assign]
            id: type(v)(v.nats, v.tokens, 2.0 if int(id[1:]) & 2 else 0.1) for id, v in plain(who, rows).items()
        }
    )
    verdicts = SureAndNeeded().check(rows, SureAndNeeded.Options(sure=0.5, unsure=0.6), bench)
    assert [v.ok for v in verdicts] == [False, False, False, True]
    assert "confidence" in verdicts[0].reason and "entropy" in verdicts[1].reason


def test_difficulty_is_perplexity_with_the_question_over_without() -> None:
    def reads(who: str, r: object) -> tuple[float, int]:
        n, asked = int(r.answer), r.messages[0]["content"] != " "  # type: ignore[attr-defined]
        return (math.log(2) + math.log(n / 4) * asked, 1)

    rows = [row(f"r{n}", f"q{n}", str(n)) for n in (1, 2, 3, 5)]
    verdicts = InstructionDifficulty().check(rows, InstructionDifficulty.Options(least=50), Bench(reads=reads))
    assert [v.score for v in verdicts] == [pytest.approx(x) for x in (0.25, 0.5, 0.75, 1.25)]
    assert [v.ok for v in verdicts] == [False, True, True, False]
    assert "less likely" in verdicts[3].reason
