"""Runs of an adapter's system on the tiny student, and its loss on a few tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from jobs.distill.events import Events
from jobs.distill.run import distill
from jobs.distill.students.lora import trainable, training_mode
from tests.jobs.distill import tiny
from tests.jobs.distill.students.small import IDS


def run(folder: Path, method: str, steps: int = 3, **options: Any) -> dict[str, Any]:
    """The whole run, from recipe to exported adapter, without a teacher."""
    torch.set_num_threads(1)
    recipe = {"method": method, "teacher": None, "options": options}
    recipe["train"] = {"steps": steps, "batch_size": 6, "learning_rate": 0.01}
    return distill(place := tiny.run_folder(folder / "run", recipe), Events(place))


def loss(model: Any) -> torch.Tensor:
    return F.cross_entropy(model(input_ids=IDS).logits[:, :-1].flatten(0, 1), IDS[:, 1:].flatten())


def train(model: Any, steps: int, rate: float = 5e-3) -> list[float]:
    training_mode(model)
    optimizer, losses = torch.optim.AdamW(list(trainable(model).values()), lr=rate), []
    for _ in range(steps):
        value = loss(model)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    return losses
