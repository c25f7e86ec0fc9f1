"""loss=(2-b)*SKL(teacher response)+b*SRKL(student response) to 1e-6; log p(teacher resp)-log p(student resp) grows on a toy set."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.catalog import objective
from jobs.distill.recipe import Term as TermSpec
from jobs.distill.sources.pairs import pair
from jobs.distill.stages import terms_of
from jobs.distill.step import Term
from jobs.distill.students.lora import trainable
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


def test_the_term_with_a_curriculum_is_the_same_where_every_gap_is_wide(tmp_path: Path) -> None:
    model, teacher, made = duo.learner(tmp_path), duo.teacher(tmp_path), rows()
    stage = duo.stage("distillm-2", "contrast", alpha=ALPHA, beta=BETA)
    two = duo.shares(model, terms_of(stage), made, stage.reduction, teacher)
    first = {n: p.grad.clone() for n, p in trainable(model).items()}
    model.zero_grad()
    wide = {"alpha": ALPHA, "beta": BETA, "usual_gap": 1e-12}
    whole = Term(objective(TermSpec(type="contrastive-skew", options=wide)))
    got = duo.shares(model, [whole], made, "token_mean", teacher)
    assert float(got.sum()) == pytest.approx(float(two.sum()), abs=1e-6)  # weights are float32
    assert all(torch.allclose(p.grad, first[n], atol=1e-7) for n, p in trainable(model).items())


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
