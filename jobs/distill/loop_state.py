"""What a checkpoint holds of a training loop besides the adapter, and how a loop takes it up again (objectives 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .train import Loop


def state_of(loop: Loop) -> dict[str, Tensor]:
    """Tensors by name: `source.*`, `best.*` and `moving.*` adapters, `exp_avg.*`, `exp_avg_sq.*`, `step.*`, and `master.*`
    where full-precision copies stand beside the weights."""
    state = {**loop.arm.source.state()}
    state |= {f"best.{n}": t for n, t in loop.best.items()}
    state |= {f"moving.{n}": t for n, t in loop.arm.moving.items()}
    for (name, live), full in zip(loop.parameters.items(), loop.masters.full, strict=True):
        for k, tensor in loop.optimizer.state.get(full, {}).items():
            state[f"{k}.{name}"] = tensor
        if full is not live:
            state[f"master.{name}"] = full
    return state


def load_state(loop: Loop, adapter: dict[str, Tensor], state: dict[str, Tensor]) -> None:
    """The loop as it stood when `state_of` was taken, with `adapter`'s weights."""
    loop.arm.source.restore({n: t for n, t in state.items() if n.startswith("source.")})
    loop.best = {n.removeprefix("best."): t.to(loop.device) for n, t in state.items() if n.startswith("best.")}
    with torch.no_grad():
        for name, average in loop.arm.moving.items():
            average.copy_(state.get(f"moving.{name}", adapter[name]))
        for i, (name, live) in enumerate(loop.parameters.items()):
            full = loop.masters.full[i]
            live.copy_(adapter[name])
            if full is not live:
                full.copy_(state[f"master.{name}"])
            if f"exp_avg.{name}" in state:
                loop.optimizer.state[full] = {
                    k: state[f"{k}.{name}"].to("cpu" if k == "step" and loop.device.type == "cpu" else loop.device)
                    for k in ("step", "exp_avg", "exp_avg_sq")
                }
