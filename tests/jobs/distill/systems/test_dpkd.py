"""Pair = (teacher out, student out); equals DPO loss with the teacher as reference to 1e-6; preference accuracy on held-out rises."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from jobs.distill.sources.pairs import pair
from jobs.distill.stages import terms_of
from tests.jobs.distill.systems import duo

torch.set_num_threads(1)
PAIRS = [("lost?", "card lost", "zz q"), ("money back", "refund", "no idea"), ("rate", "exchange rate", "what")]
HELD = [("lost again", "card lost", "zz q"), ("money", "refund", "no idea")]


def rows(pairs: list[tuple[str, str, str]]) -> list:
    return duo.examples([pair(duo.row(q, q), a, b) for q, a, b in pairs])


def margins(model: object, side: object, made: list) -> list[float]:
    """beta's argument: the gain over the teacher on the teacher's answer less that on the student's."""
    gain = [duo.log_likelihood(model, e) - duo.log_likelihood(side.model, e) for e in made]  # type: ignore[attr-defined]
    return [a - b for a, b in zip(gain[::2], gain[1::2], strict=True)]


@pytest.mark.parametrize("beta", [0.05, 0.5])
def test_it_is_dpo_with_the_teacher_as_reference(tmp_path: Path, beta: float) -> None:
    model, side, made = duo.learner(tmp_path), duo.teacher(tmp_path), rows(PAIRS)
    stage = duo.stage("dpkd", "prefer", beta=beta)
    assert [m.kind for m in stage.teaching.members] == ["model"]
    expected = sum(math.log1p(math.exp(-beta * m)) for m in margins(model, side, made)) / len(PAIRS)
    assert float(duo.shares(model, terms_of(stage), made, stage.reduction, side)[0]) == pytest.approx(
        expected, abs=1e-6
    )


def test_the_teacher_s_answers_are_preferred_more_on_rows_it_did_not_see(tmp_path: Path) -> None:
    model, side = duo.learner(tmp_path, double=False), duo.teacher(tmp_path, double=False)
    held = rows(HELD)
    before = margins(model, side, held)
    duo.train(model, duo.stage("dpkd", "prefer", rkl_weight=0.1), rows(PAIRS), 12, 0.02, side)
    after = margins(model, side, held)
    assert sum(m > 0 for m in after) >= sum(m > 0 for m in before) and sum(m > 0 for m in after) == len(HELD)
    assert min(a - b for a, b in zip(after, before, strict=True)) > 0


def test_its_small_form_pairs_the_teacher_s_answers_with_the_student_s_and_trains(tmp_path: Path) -> None:
    folder = duo.run(tmp_path / "run", "dpkd", new_tokens=6)
    assert len(duo.losses_of(folder, "dpo")) == 3 and len(duo.losses_of(folder, "forward-kl")) == 3
    kept = [json.loads(p.read_text()) for p in folder.rglob("pairs.json")]
    assert kept and all(said["text"] for said in kept[0].values())
