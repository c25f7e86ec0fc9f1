"""loss=(2-b)*SKL(teacher response)+b*SRKL(student response) to 1e-6; log p(teacher resp)-log p(student resp) grows on a toy set."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.sources.pairs import pair
from jobs.distill.stages import terms_of
from tests.jobs.distill.systems import duo

PAIRS = [("lost card?", "card lost", "zzz"), ("money back", "refund", "no idea at all")]
ALPHA, BETA = 0.1, 0.7


def rows() -> list:
    return duo.examples([pair(duo.row(q, q), a, b) for q, a, b in PAIRS])


def kl(la: torch.Tensor, lb: torch.Tensor) -> float:
    """Mean over the positions of one answer."""
    return float((la.exp() * (la - lb)).sum(-1).mean())


def test_its_loss_is_the_weighted_sum_of_both_sides(tmp_path: Path) -> None:
    model, teacher, made = duo.learner(tmp_path), duo.teacher(tmp_path), rows()
    stage = duo.stage("distillm-2", "contrast", alpha=ALPHA, beta=BETA)
    expected = 0.0
    for e in made:
        lp, lq = duo.dense(teacher.model, e), duo.dense(model, e)
        if e.origin == "chosen":
            expected += (2 - BETA) * kl(lp, (ALPHA * lp.exp() + (1 - ALPHA) * lq.exp()).log()) / len(PAIRS)
        else:
            expected += BETA * kl(lq, (ALPHA * lq.exp() + (1 - ALPHA) * lp.exp()).log()) / len(PAIRS)
    got = duo.shares(model, terms_of(stage), made, stage.reduction, teacher)
    assert float(got.sum()) == pytest.approx(expected, abs=1e-6)


def test_the_teachers_answers_gain_on_the_students(tmp_path: Path) -> None:
    model, teacher = duo.learner(tmp_path, double=False), duo.teacher(tmp_path, double=False)
    chosen = rows()
    for e in chosen[1::2]:  # what the student says: unlikely under the teacher
        e.ids[e.start : -1] = duo.dense(teacher.model, e)[:-1].argmin(-1).int().numpy()
    for e in chosen[::2]:
        e.ids[e.start : -1] = duo.dense(teacher.model, e)[:-1].argmax(-1).int().numpy()

    def gap() -> float:
        return sum((1 if e.origin == "chosen" else -1) * duo.log_likelihood(model, e) for e in chosen)

    before = gap()
    duo.train(model, duo.stage("distillm-2", "contrast"), chosen, 15, 0.01, teacher)
    assert gap() > before + 1


def test_its_small_form_trains(tmp_path: Path) -> None:
    folder = duo.run(tmp_path / "run", "distillm-2", max_new_tokens=6, teacher_rows="unlabelled")
    assert len(duo.losses_of(folder, "skew-kl")) == len(duo.losses_of(folder, "reverse-skew-kl")) == 3
    assert any(e["field"] == "train.pairs" and e["value"] == "12 of 16" for e in duo.told(folder, "reason"))
