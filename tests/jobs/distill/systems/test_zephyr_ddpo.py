"""Chosen = top-ranked, rejected from the rest; DPO loss to 1e-6; reference = SFT adapter (adapter switch); margin grows."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from jobs.distill.sources.pairs import from_list, pair
from jobs.distill.stages import terms_of
from jobs.distill.students.lora import trainable
from jobs.distill.teachers.own import AdapterTeacher
from tests.jobs.distill.systems import duo

PAIRS = [("lost card?", "card lost", "zzz"), ("money back", "refund", "no idea")]
RANKED = ["best", "second", "third", "worst"]


def moved(model: object, by: float) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        for p in trainable(model).values():
            p.add_(by)
    return {n: p.detach().clone() for n, p in trainable(model).items()}


def test_its_pairs_are_the_best_answer_over_one_of_the_rest() -> None:
    found = [from_list(duo.row(f"r{n}", "q", ranked=RANKED), "best_over_rest", 0, Counter()) for n in range(40)]
    assert {g[1][0].text for g in found if g} == {"best"}
    assert {g[1][1].text for g in found if g} == set(RANKED[1:])


def test_its_loss_is_dpo_against_the_fine_tuned_adapter(tmp_path: Path) -> None:
    model = duo.learner(tmp_path)
    made = duo.examples([pair(duo.row(q, q), a, b) for q, a, b in PAIRS])
    tuned = moved(model, 0.02)
    reference = [duo.log_likelihood(model, e) for e in made]
    moved(model, 0.01)
    ratio = [duo.log_likelihood(model, e) - r for e, r in zip(made, reference, strict=True)]
    deltas = [c - r for c, r in zip(ratio[::2], ratio[1::2], strict=True)]
    expected = sum(math.log1p(math.exp(-0.3 * d)) for d in deltas) / len(PAIRS)
    stage = duo.stage("zephyr-ddpo", "prefer", beta=0.3)
    side = AdapterTeacher(model, lambda: tuned, 261)
    got = duo.shares(model, terms_of(stage), made, stage.reduction, side)
    assert any(abs(d) > 1e-3 for d in deltas) and float(got[0]) == pytest.approx(expected, abs=1e-6)


def test_its_small_form_starts_from_the_fine_tuned_adapter_and_the_margin_grows(tmp_path: Path) -> None:
    folder = duo.run(tmp_path / "run", "zephyr-ddpo", {"rejected": "no idea"}, first_rate=0.01)
    losses = duo.losses_of(folder, "dpo")
    assert losses[0] == pytest.approx(math.log(2), abs=1e-6)  # the reference is the adapter as the first stage left it
    assert losses[-1] < losses[0]
    assert (folder / "stages" / "00-student").is_dir() and (folder / "stages" / "01-student").is_dir()


def test_without_a_teacher_it_is_still_held_against_plain_fine_tuning(tmp_path: Path) -> None:
    folder = duo.run(tmp_path / "run", "zephyr-ddpo", {"rejected": "no idea"}, teacher=False, control=True)
    found = json.loads((folder / "report.json").read_text())
    assert set(found["scores"]) == {"base", "student", "control"}
    assert found["training"]["control"]["steps"] == 6  # as many as both stages took
