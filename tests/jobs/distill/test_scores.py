from __future__ import annotations

import numpy as np
import pytest

from jobs.distill.scores import Bootstrap, PerRow, choose_metric, exact_match, numeric_match, rouge_l


def rows(values: list[float]) -> PerRow:
    return PerRow(np.asarray(values, dtype=float), np.ones(len(values)))


def test_exact_match_forgives_white_space_only() -> None:
    assert exact_match(" card\n lost ", "card lost") == 1
    assert exact_match("Card lost", "card lost") == 0


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [("so it is 1,200.", "#### 1200", 1), ("-3", "3", 0), ("12 apples and 4", "4.0", 1), ("none", "4", 0)],
)
def test_numeric_match_compares_the_last_numbers(answer: str, gold: str, right: float) -> None:
    assert numeric_match(answer, gold) == right


@pytest.mark.parametrize(
    ("answer", "gold", "value"),
    [
        ("the cat sat", "the cat sat", 1.0),
        ("the cat", "a dog", 0.0),
        ("police killed the gunman", "police kill the gunman", 0.75),
        ("a b c d", "b a d", 2 * 2 / 7),
        ("", "x", 0.0),
    ],
)
def test_rouge_l_is_the_f1_of_the_longest_common_subsequence(answer: str, gold: str, value: float) -> None:
    assert rouge_l(answer, gold) == pytest.approx(value)


def test_rouge_l_agrees_with_the_reference_package() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer, draw = RougeScorer(["rougeL"]), np.random.default_rng(0)
    for _ in range(50):
        a, b = (" ".join(draw.choice(list("abcde"), draw.integers(1, 12))) for _ in range(2))
        assert rouge_l(a, b) == pytest.approx(scorer.score(b, a)["rougeL"].fmeasure)


def test_it_chooses_the_metric_by_the_gold_answers() -> None:
    assert choose_metric(["12", "the sum is 4", "7."])[0] == "numeric_match"
    assert choose_metric(["card lost", "refund"])[0] == "exact_match"
    assert choose_metric(["a long story " * 20])[0] == "rouge_l"


def test_gap_closed_is_the_share_of_the_way_from_base_to_teacher() -> None:
    n = 400
    arms = {"base": rows([0] * n), "teacher": rows([1] * n), "student": rows([1] * 300 + [0] * 100)}
    boot = Bootstrap(arms, 2000, 0)
    gap, score = boot.gap_closed("student"), boot.score("student")
    assert gap.value == 0.75 and (gap.low, gap.high) == (score.low, score.high)
    half = 1.96 * (0.75 * 0.25 / n) ** 0.5
    assert score.low == pytest.approx(0.75 - half, abs=0.01) and score.high == pytest.approx(0.75 + half, abs=0.01)


def test_there_is_no_gap_to_close_when_teacher_and_base_are_equal() -> None:
    boot = Bootstrap({"base": rows([0, 1]), "teacher": rows([1, 0]), "student": rows([1, 1])}, 100, 0)
    gap = boot.gap_closed("student")
    assert gap.value is None and gap.why and "no gap" in gap.why


def test_a_missing_arm_is_named() -> None:
    boot = Bootstrap({"base": rows([0, 1]), "student": rows([1, 1])}, 100, 0)
    assert boot.gap_closed("student").why == "there is no teacher arm"
    assert boot.difference("student", "control").why == "there is no control arm"


def test_a_difference_is_paired() -> None:
    """Two arms that are right on the same rows differ by exactly nothing, however few rows there are."""
    same = rows([1, 0, 1, 0, 1, 1])
    found = Bootstrap({"base": same, "student": same, "control": same}, 500, 0).difference("student", "control")
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_ratios_are_resampled_as_ratios() -> None:
    bits = PerRow(np.asarray([8.0, 80.0]), np.asarray([1.0, 100.0]))
    assert float(bits.mean()) == pytest.approx(88 / 101)


def test_the_interval_depends_on_the_seed_alone() -> None:
    arms = {"base": rows([0, 1, 0, 1, 1])}
    assert Bootstrap(arms, 200, 1).score("base") == Bootstrap(arms, 200, 1).score("base")
