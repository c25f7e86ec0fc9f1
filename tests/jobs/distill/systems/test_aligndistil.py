"""Composed teacher logits equal the hand-computed linear combination to 1e-6; zero coefficient gives the reference;
adapters switched, no third copy."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from jobs.distill.sources.pairs import pair
from jobs.distill.stages import terms_of
from jobs.distill.students.lora import trainable
from jobs.distill.teachers.own import AdapterTeacher, BaseTeacher
from jobs.distill.teachers.several import JointTeachers
from tests.jobs.distill.systems import duo
from tests.jobs.distill.teachers.test_several import rows


def composed(folder: Path, a: float) -> tuple[object, list[torch.Tensor]]:
    """The stage's teacher on one base with two adapters, and the logits of base, DPO and reverse DPO."""
    model = duo.learner(folder)
    earlier = {
        name: {n: p.detach() + by for n, p in trainable(model).items()}
        for name, by in (("dpo", 0.03), ("reverse dpo", -0.05))
    }
    stage = duo.stage("aligndistil", "align", a=a)
    assert stage.teaching.combine == "compose"
    members = [
        BaseTeacher(model, 261) if m.kind == "base" else AdapterTeacher(model, lambda t=earlier[m.name]: t, 261)
        for m in stage.teaching.members
    ]
    micro, group = rows()
    joint = JointTeachers(members, [m.weight for m in stage.teaching.members], "compose").side(micro, group).vocabulary
    return joint, [m.side(micro, group).vocabulary.logits(261) for m in members]


def test_its_teacher_is_the_linear_combination_of_three_adapters_of_one_base(tmp_path: Path) -> None:
    joint, (ref, dpo, reverse) = composed(tmp_path, 1.5)
    assert torch.allclose(joint.logits(261), ref + 1.5 * (dpo - reverse), atol=1e-6)
    assert not torch.allclose(dpo, reverse, atol=1e-2)
    assert len({voice.head.weight.data_ptr() for voice in joint.voices}) == 1


def test_a_zero_coefficient_is_the_reference(tmp_path: Path) -> None:
    joint, (ref, _, _) = composed(tmp_path, 0.0)
    assert torch.equal(joint.logits(261), ref)


def test_the_reverse_adapter_learns_the_pairs_the_other_way_round(tmp_path: Path) -> None:
    losses = {}
    for name in ("dpo", "reverse dpo"):
        model = duo.learner(tmp_path / name)
        made = duo.examples([pair(duo.row("r", "lost card?"), "card lost", "zzz")])
        stage = duo.stage("aligndistil", name, beta=0.3)
        with torch.no_grad():
            for p in trainable(model).values():
                p.add_(0.03)
        losses[name] = float(duo.shares(model, terms_of(stage), made, stage.reduction, BaseTeacher(model, 261))[0])
    margin = math.log(math.expm1(losses["reverse dpo"]))  # softplus of beta times the margin
    assert losses["dpo"] == pytest.approx(math.log1p(math.exp(-margin)), abs=1e-9) and abs(margin) > 1e-4


def test_its_small_form_trains_three_adapters_and_keeps_the_last(tmp_path: Path) -> None:
    folder = duo.run(tmp_path / "run", "aligndistil", {"rejected": "no idea"}, teacher=False)
    assert sorted(p.name for p in (folder / "stages").iterdir()) == ["00-student", "01-student", "02-student"]
    assert duo.losses_of(folder, "dpo")[0] == pytest.approx(math.log(2), abs=1e-6)
    assert duo.losses_of(folder, "forward-kl")[0] > 0
