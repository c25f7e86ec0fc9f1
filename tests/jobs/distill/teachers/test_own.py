from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.distill.batches import Limits, micro_batches
from jobs.distill.recipe import Adapter
from jobs.distill.rows import Example
from jobs.distill.students.lora import attach, trainable
from jobs.distill.teachers.local import LocalTeacher
from jobs.distill.teachers.own import AdapterTeacher, BaseTeacher
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model(tmp_path_factory.mktemp("own") / "student", 2, 32)


def learner(folder: Path, head: bool = False) -> torch.nn.Module:
    model = attach(load_model(folder, torch.float32, CPU), Adapter(rank=4, head=head, dropout=0.1), 0)
    with torch.no_grad():
        for p in trainable(model).values():
            p.add_(0.03)
    return model


def some() -> tuple[object, list[Example]]:
    rows = [Example(str(i), np.arange(5, 15 + i, dtype=np.int32), 4, True) for i in range(3)]
    (micro,) = micro_batches(rows, range(3), Limits(8, overhead=9999))
    return micro, [rows[i] for i in micro.which]


@pytest.mark.parametrize("head", [False, True])
def test_the_adapter_off_is_the_untouched_base_bit_for_bit(folder: Path, head: bool) -> None:
    micro, group = some()
    model = learner(folder, head)
    modes = [m.training for m in model.modules()]
    ours = BaseTeacher(model, 261).side(micro, group).vocabulary.logits(261)
    bare = LocalTeacher(load_model(folder, torch.float32, CPU), 261).side(micro, group).vocabulary.logits(261)
    assert torch.equal(ours, bare)
    assert [m.training for m in model.modules()] == modes


@pytest.mark.parametrize("head", [False, True])
def test_borrowed_weights_speak_and_the_learner_gets_its_own_back(folder: Path, head: bool) -> None:
    micro, group = some()
    model, other = learner(folder, head), learner(folder, head)
    with torch.no_grad():
        for p in trainable(other).values():
            p.mul_(-1.5)
    before = {n: p.detach().clone() for n, p in trainable(model).items()}
    earlier = {n: p.detach().clone() for n, p in trainable(other).items()}
    side = AdapterTeacher(model, lambda: earlier, 261).side(micro, group)
    other.eval()
    wanted = LocalTeacher(other, 261).side(micro, group).vocabulary.logits(261)
    assert torch.allclose(side.vocabulary.logits(261), wanted, atol=1e-6)
    assert all(torch.equal(before[n], p) for n, p in trainable(model).items())
    assert all(p.requires_grad for p in trainable(model).values())
