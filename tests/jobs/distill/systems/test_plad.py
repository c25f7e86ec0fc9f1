"""Margin loss is 0 when log-prob gap > margin, linear else; works with a text-only teacher; pair accuracy up."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.distill.sources.pairs import pair
from jobs.distill.stages import terms_of
from jobs.distill.students.lora import trainable
from tests.jobs.distill.systems import duo

PAIRS = [("lost card?", "card lost", "zzz"), ("money back", "refund", "no idea"), ("rate?", "exchange rate", "what")]


def rows() -> list:
    return duo.examples([pair(duo.row(q, q), a, b) for q, a, b in PAIRS])


def gaps(model: object, made: list) -> list[float]:
    each = [duo.log_likelihood(model, e) / e.supervised for e in made]
    return [c - r for c, r in zip(each[::2], each[1::2], strict=True)]


@pytest.mark.parametrize("margin", [0.01, 0.5, 3.0])
def test_its_margin_loss_is_a_hinge_in_the_gap(tmp_path: Path, margin: float) -> None:
    model, made = duo.learner(tmp_path), rows()
    stage = duo.stage("plad", "calibrate", margin=margin, ce_weight=0)
    expected = sum(max(0.0, margin - g) for g in gaps(model, made)) / len(PAIRS)
    assert float(duo.shares(model, terms_of(stage), made, stage.reduction)[0]) == pytest.approx(expected, abs=1e-6)


def test_beyond_the_margin_there_is_no_loss_and_no_gradient(tmp_path: Path) -> None:
    model, made = duo.learner(tmp_path), rows()
    best = [e if gap > 0 else None for e, gap in zip(made[::2], gaps(model, made), strict=True)]
    wide = [x for i, e in enumerate(best) if e is not None for x in made[2 * i : 2 * i + 2]]
    assert wide
    stage = duo.stage("plad", "calibrate", margin=0, ce_weight=0)
    assert float(duo.shares(model, terms_of(stage), wide, stage.reduction)[0]) == 0
    assert all(float(p.grad.abs().sum()) == 0 for p in trainable(model).values())


def test_its_pairs_come_out_right_more_often(tmp_path: Path) -> None:
    model, made = duo.learner(tmp_path, double=False), rows()
    flipped = [x for i, g in enumerate(gaps(model, made)) for x in made[2 * i : 2 * i + 2] if g < 2]
    before = gaps(model, flipped)
    duo.train(model, duo.stage("plad", "calibrate"), flipped, 15, 0.01)
    after = gaps(model, flipped)
    assert sum(g > 0.5 for g in after) > sum(g > 0.5 for g in before) and min(after) > min(before)


def test_its_small_form_trains_on_the_teachers_text_alone(tmp_path: Path) -> None:
    folder = duo.run(tmp_path / "run", "plad", max_new_tokens=6, teacher_rows="unlabelled")
    assert len(duo.losses_of(folder, "plad-calibration")) == 3
    assert not any(e["field"] == "train.teacher" for e in duo.told(folder, "reason"))  # nobody asked its probabilities
