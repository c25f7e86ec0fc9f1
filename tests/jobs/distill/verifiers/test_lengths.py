"""Lengths in a band, balanced lengths, and texts that repeat themselves."""

from __future__ import annotations

from collections import Counter

import pytest
from pydantic import ValidationError

from jobs.distill.verifiers.lengths import LengthBalance, LengthBand, Repetition, distinct, length, loop

from .rows import check, oks, reason, row


@pytest.mark.parametrize(
    ("text", "unit", "size"),
    [
        ("a b  c\n", "words", 3),
        ("a b", "characters", 3),
        ("a\n\n b\n", "lines", 2),
        ("It is 3.5. So? Yes...", "sentences", 3),
        ("", "sentences", 0),
    ],
)
def test_lengths_are_counted(text: str, unit: str, size: int) -> None:
    assert length(text, unit) == size  # type: ignore[arg-type]


def test_both_ends_of_a_band_belong_to_it() -> None:
    rows = [row("w " * n) for n in (1, 2, 4, 5)]
    assert oks(LengthBand, rows, least=2, most=4) == [False, True, True, False]
    assert reason(LengthBand, rows[0], least=2, most=4) == "1 words, at least 2 are wanted"
    with pytest.raises(ValidationError, match="at least 5 is above at most 4"):
        LengthBand.Options(least=5, most=4)


def test_a_band_may_be_a_share_of_the_question_or_the_right_answer() -> None:
    rows = [row("w " * n, question="w " * 10, gold="w " * 4) for n in (7, 8, 12, 13)]
    assert oks(LengthBand, rows, least=80, most=125, against="question") == [False, True, True, False]
    assert oks(LengthBand, rows[:1], least=100, most=200, against="gold") == [True]
    assert "the gold is empty" in reason(LengthBand, row("a"), against="gold")


def test_a_range_of_lengths_keeps_at_most_its_share_whatever_the_order() -> None:
    rows = [row("w " * 20, id=f"a{i}") for i in range(80)] + [row("w " * 3, id=f"b{i}") for i in range(20)]
    verdicts = check(LengthBalance, rows, share=0.3)
    kept = {r.row_id for r, v in zip(rows, verdicts, strict=True) if v.ok}
    assert Counter(r[0] for r in kept) == {"a": 30, "b": 20}
    assert "80 rows have 16 to 31 words; 30 may stay" in {v.reason for v in verdicts}
    backwards = check(LengthBalance, rows[::-1], share=0.3)
    assert {r.row_id for r, v in zip(rows[::-1], backwards, strict=True) if v.ok} == kept


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        ("The quick brown fox jumps over the lazy dog and then it sleeps for a while.", True),
        ("yes yes yes yes yes", False),
        ("no no no", True),
        ("I am here and " * 6, False),
        ("one two three four five six seven eight nine ten " * 2 + "and that is all there was to say", True),
        ("a b c a b d a b c a b d a b c a b d a b c", False),
        ("", True),
        ("word", True),
    ],
)
def test_degenerate_texts_are_dropped(text: str, ok: bool) -> None:
    assert oks(Repetition, [row(text)]) == [ok]


def test_a_loop_is_found_wherever_it_stands() -> None:
    words = ["so", "that", *(["the", "end"] * 4), "came"]
    assert loop(words, 4) == (["the", "end"], 4)
    assert loop(words, 5) is None
    assert loop([], 2) is None
    assert distinct(["a", "b"] * 3, 2) == pytest.approx(2 / 5)


def test_long_loops_cost_little() -> None:
    assert "in a row" in reason(Repetition, row("so on and " * 100_000))
    assert oks(Repetition, [row(" ".join(map(str, range(20_000))))]) == [True]
