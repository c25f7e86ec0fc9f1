"""Scores of texts against the packages people compare with."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.distill.answers import Said
from jobs.distill.evaluate import score_answers
from jobs.distill.overlap import rouge_1, rouge_2
from jobs.distill.rows import Row
from jobs.distill.scores import METRICS, Bootstrap, Corpus

GOLD = [
    "Tom hat einen Hund.",
    "Ich weiß nicht, wo sie wohnt.",
    "Das ist nicht mein Buch.",
    "Er kommt morgen.",
    "Warum?",
]
SAID = ["Tom hat einen Hund.", "Ich weiß nicht, wo er wohnt.", "Das Buch ist mein.", "Er kommt heute Abend.", ""]


def test_rouge_agrees_with_the_reference_package() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer, draw = RougeScorer(["rouge1", "rouge2"]), np.random.default_rng(0)
    for _ in range(50):
        a, b = (" ".join(draw.choice(list("abcde"), draw.integers(1, 12))) for _ in range(2))
        theirs = scorer.score(b, a)
        if min(len(a.split()), len(b.split())) > 1:
            assert rouge_2(a, b) == pytest.approx(theirs["rouge2"].fmeasure)
        assert rouge_1(a, b) == pytest.approx(theirs["rouge1"].fmeasure)
    assert rouge_1("Straße", "straße") == 1, "letters outside English count, as they do for ROUGE-L"


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_the_corpus_s_score_is_sacrebleu_s(metric: str) -> None:
    from sacrebleu import corpus_bleu, corpus_chrf

    whole = {"bleu": corpus_bleu, "chrf": corpus_chrf}[metric]
    found = Corpus.of(metric, SAID, GOLD)
    assert float(found.mean()) == pytest.approx(whole(SAID, [GOLD]).score / 100)
    some = np.asarray([0, 3, 3, 1])
    drawn = whole([SAID[i] for i in some], [[GOLD[i] for i in some]])
    assert float(found.mean(some)) == pytest.approx(drawn.score / 100)
    assert found.mean(np.stack([some, some[::-1]])).tolist() == pytest.approx([drawn.score / 100] * 2)
    assert float(found.mean()) != pytest.approx(float(found.top.mean())), "no mean over rows"


@pytest.mark.parametrize(
    ("said", "gold", "value"),
    [
        ('[["a", "in", "b"]]', '[["a", "in",  "b"]]', 1.0),
        ('[["a", "in", "b"], ["a", "in", "c"]]', '[["a", "in", "b"]]', 2 / 3),
        ("red\n blue ", "blue\nred", 1.0),
        ('["red"]', "red", 1.0),
        ("[]", "[]", 1.0),
        ("[[", '["x"]', 0.0),
    ],
)
def test_things_of_lists_are_compared_in_any_order(said: str, gold: str, value: float) -> None:
    assert METRICS["set_f1"](said, gold) == pytest.approx(value)


def test_f1_of_a_split_is_counted_over_all_rows() -> None:
    golds, says = ["a\nb\nc\nd", "x"], ["a\nb\nc\nd", "y"]
    rows = [Row(str(i), ({"role": "user", "content": "?"},), g, "heldout", i, True) for i, g in enumerate(golds)]
    found = score_answers(rows, {str(i): Said(s, True, 1) for i, s in enumerate(says)}, "set_f1")
    assert float(found.mean()) == pytest.approx(8 / 10), "and not the rows' mean, which is one half"


def test_one_row_has_a_score_of_its_own_for_examples() -> None:
    assert METRICS["bleu"](GOLD[1], GOLD[1]) == pytest.approx(1) and METRICS["chrf"]("", GOLD[1]) == 0
    assert 0 < METRICS["bleu"](SAID[1], GOLD[1]) < 1


def test_arms_are_compared_with_intervals() -> None:
    rows = [Row(str(i), ({"role": "user", "content": "x"},), g, "heldout", i, True) for i, g in enumerate(GOLD)]
    said = {
        "base": {r.row_id: Said("", True, 0) for r in rows},
        "student": {r.row_id: Said(s, True, 1) for r, s in zip(rows, SAID, strict=True)},
        "teacher": {r.row_id: Said(r.answer or "", True, 1) for r in rows},
    }
    boot = Bootstrap({name: score_answers(rows, s, "chrf") for name, s in said.items()}, 200, 0)
    score, gap = boot.score("student"), boot.gap_closed("student")
    assert score.low <= score.value <= score.high and score.high > score.low
    assert gap.value == pytest.approx(score.value) and boot.score("teacher").value == pytest.approx(1)
