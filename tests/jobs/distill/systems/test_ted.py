"""Filters train with frozen bodies first; then layer-wise MSE falls; teacher gets no gradient; layer map is printed."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from jobs.distill.step import Losses
from jobs.distill.students.lora import trainable
from tests.jobs.distill.objectives.features.duo import made
from tests.jobs.distill.systems.duo import run, told


def test_filters_train_with_frozen_bodies_first_and_then_the_layers_come_closer(tmp_path: Path) -> None:
    duo = made(tmp_path)
    first, then = (duo.losses("task-aware-layers", layers="uniform", align=a) for a in (0.0, 1.0))
    then.modules = first.modules.double()
    adapter = trainable(duo.student)
    values = descend(duo, first, [*adapter.values(), *first.modules.parameters()])
    assert values[-1] < 0.8 * values[0]
    assert all(p.grad is None for p in adapter.values()) and all(p.grad is None for p in duo.teacher.parameters())
    filters = {n: p.detach().clone() for n, p in first.modules.named_parameters()}
    values = descend(duo, then, [*adapter.values(), *then.modules.parameters()])
    assert values[-1] < 0.7 * values[0]
    assert all(p.grad is None for p in duo.teacher.parameters())
    moved = {n for n, p in then.modules.named_parameters() if not torch.equal(p, filters[n])}
    assert moved == {n for n in filters if ".student." in n}  # the teacher's filters stand still
    assert any(p.grad is not None and p.grad.any() for p in adapter.values())


def descend(duo: object, losses: Losses, parameters: list[torch.nn.Parameter], steps: int = 12) -> list[float]:
    optimizer, found = torch.optim.Adam(parameters, lr=0.01), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = duo.loss(losses)  # type: ignore[attr-defined]
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def test_its_run_says_the_layers_and_keeps_the_filters_to_itself(tmp_path: Path) -> None:
    folder = run(tmp_path / "run", "ted", filter_share=0.5)
    said = {e["field"]: e["value"] for e in told(folder, "reason")}
    assert said["layers.task-aware-layers"] == "1:1, 2:2"
    first, *_, last = [e["values"] for e in told(folder, "metric") if "loss.cross-entropy" in e["values"]]
    assert first["loss.cross-entropy"] == first["loss.forward-kl"] == 0 < last["loss.cross-entropy"]
    names = load_file(folder / "adapter" / "adapter_model.safetensors")
    assert names and all("lora" in n for n in names)
