"""Writing with the adapter unmerged gives what peft gives, and leaves no trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from jobs.distill.recipe import Adapter
from jobs.distill.students.lora import attach, trainable
from jobs.distill.students.quick import quick_adapter
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny

CPU, IDS = torch.device("cpu"), torch.arange(20)[None] + 60


def student(folder: Path, **adapter: Any) -> Any:
    model = attach(load_model(tiny.model(folder / "s", 2), torch.float32, CPU), Adapter(rank=4, **adapter), 0)
    with torch.no_grad():
        for p in trainable(model).values():
            p.add_(0.03)
    return model.eval()


@pytest.mark.parametrize(("adapter", "quick"), [({}, True), ({"head": True}, True), ({"dora": True}, False)])
@torch.no_grad()
def test_it_says_what_the_adapter_says(tmp_path: Path, adapter: dict[str, Any], quick: bool) -> None:
    model = student(tmp_path, **adapter)
    wanted = model(input_ids=IDS).logits
    with quick_adapter(model):
        replaced = [m for m in model.modules() if "forward" in vars(m)]
        assert bool(replaced) == quick
        assert torch.allclose(model(input_ids=IDS).logits, wanted, atol=1e-5)
    assert not any("forward" in vars(m) for m in replaced)
    assert torch.equal(model(input_ids=IDS).logits, wanted)


@torch.no_grad()
def test_an_adapter_that_is_off_stays_off(tmp_path: Path) -> None:
    model = student(tmp_path)
    with model.disable_adapter():
        wanted = model(input_ids=IDS).logits
        with quick_adapter(model):
            assert torch.equal(model(input_ids=IDS).logits, wanted)


def test_dropout_that_is_on_stays_on(tmp_path: Path) -> None:
    model = student(tmp_path, dropout=0.5)
    model.train()
    with quick_adapter(model):
        assert not any("forward" in vars(m) for m in model.modules())
