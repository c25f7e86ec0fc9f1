"""Ranking loss is 0 when student orders K demo sets as the teacher with margin, positive for one swapped pair; KL part unchanged."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from jobs.distill.sources.pairs import under_demonstrations
from jobs.distill.stages import terms_of
from jobs.distill.teachers.local import LocalTeacher
from jobs.distill.weights import load_model
from tests.jobs.distill.systems import duo

ROWS = [
    duo.row(f"r{n}", q, a) for n, (q, a) in enumerate([("lost?", "card lost"), ("back", "refund"), ("euro", "rate")])
]


def sets(k: int = 3) -> list:
    return under_demonstrations(ROWS, {}, k, 1, 0, Counter())


def test_its_sets_show_other_rows_and_ask_the_same(tmp_path: Path) -> None:
    for row, candidates in sets():
        assert {c.text for c in candidates} == {row.answer}
        assert all(c.before[0] != row.messages[0] and c.before[1]["role"] == "assistant" for c in candidates)


def test_a_student_that_orders_the_sets_as_the_teacher_pays_nothing_for_the_order(tmp_path: Path) -> None:
    model = duo.learner(tmp_path)
    twin = LocalTeacher(load_model(tmp_path / "student", torch.float32, duo.CPU).double(), 261)
    stage = duo.stage("bialign", "align")
    assert duo.shares(model, terms_of(stage), duo.examples(sets()), "token_mean", twin).tolist() == pytest.approx(
        [0, 0], abs=1e-9
    )


def test_wrong_orders_cost_their_gaps_and_leave_the_divergence_as_it_was(tmp_path: Path) -> None:
    model, teacher, made = duo.learner(tmp_path), duo.teacher(tmp_path), duo.examples(sets())
    stage = duo.stage("bialign", "align", margin=0.05)
    got = duo.shares(model, terms_of(stage), made, "token_mean", teacher)
    expected = 0.0
    for n in range(0, len(made), 3):
        s = [duo.log_likelihood(model, e) / e.supervised for e in made[n : n + 3]]
        t = [duo.log_likelihood(teacher.model, e) / e.supervised for e in made[n : n + 3]]
        expected += sum(max(0.0, 0.05 + s[j] - s[i]) for i in range(3) for j in range(3) if t[i] > t[j]) / len(ROWS)
    assert expected > 0 and float(got[1]) == pytest.approx(expected, abs=1e-6)
    alone = duo.stage("bialign", "align", rank_weight=0)
    assert float(duo.shares(model, terms_of(alone), made, "token_mean", teacher)[0]) == pytest.approx(
        float(got[0]), abs=1e-12
    )


def test_its_small_form_trains(tmp_path: Path) -> None:
    folder = duo.run(tmp_path / "run", "bialign", sets=3, shots=1)
    assert len(duo.losses_of(folder, "demonstration-ranking")) == len(duo.losses_of(folder, "forward-kl")) == 3
