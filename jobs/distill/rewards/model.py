"""A reward model: a scalar head over the state behind an answer's last word, on an adapter of its own.

Bradley-Terry on pairs: loss = -log sigma(r(chosen) - r(rejected)) (Bradley and Terry 1952; as reward modelling: Ouyang et
al. 2022, arXiv:2203.02155). The adapter lies in the learner's own layers in the place of the learner's, while it reads, so a
reward model costs no second copy of a model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from ..arm import Stopped
from ..batches import Limits, Micro, micro_batches
from ..rows import Example
from ..students.lora import trainable, training_mode
from ..teachers.own import borrowed, quiet
from ..two_parts import supervised_states
from ..weights import backbone

READING = Limits(32, 1 << 13)
HEAD = "reward_head"


@dataclass(frozen=True)
class RewardModel:
    """`adapter`: parameter name -> value. `head`: float32 [width]. `zero` is taken off, so that the answers it learnt from
    have mean reward 0; `spread` is their standard deviation."""

    adapter: Mapping[str, Tensor]
    head: Tensor
    zero: float = 0.0
    spread: float = 1.0
    facts: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def score(self, model: Any, examples: Sequence[Example]) -> list[float]:
        """Rewards of answers; `model` is the learner whose adapter this one takes the place of. Cut at every length the
        model reads; the examples are read as they are."""
        with quiet(model), borrowed(model, self.adapter):
            raw = read(model, self.head, examples)
        return [float(r) - self.zero for r in raw]

    def files(self) -> dict[str, bytes]:
        """What is stored of it: one safetensors file with adapter and head, one note."""
        tensors = {n: t.detach().cpu().contiguous() for n, t in self.adapter.items()}
        note = {"zero": self.zero, "spread": self.spread, "facts": self.facts}
        return {
            "reward.safetensors": save_tensors({**tensors, HEAD: self.head.detach().cpu().contiguous()}),
            "reward.json": json.dumps(note).encode(),
        }

    @classmethod
    def load(cls, folder: Path) -> RewardModel:
        tensors = load_tensors((folder / "reward.safetensors").read_bytes())
        note = json.loads((folder / "reward.json").read_text())
        head = tensors.pop(HEAD)
        return cls(tensors, head, note["zero"], note["spread"], note["facts"])


def states(model: Any, micro: Micro) -> Tensor:
    """The state behind the last word of each row's answer, float32 [rows, width]."""
    found = supervised_states(backbone(model), micro)
    last = torch.bincount(micro.of, minlength=len(micro.which)).cumsum(0) - 1
    return found.index_select(0, last).float()


def read(model: Any, head: Tensor, examples: Sequence[Example]) -> list[float]:
    """Rewards as the model stands, in order."""
    device, out = next(model.parameters()).device, [0.0] * len(examples)
    for micro in micro_batches(examples, range(len(examples)), READING):
        values = states(model, micro.to(device)) @ head.to(device)
        for i, value in zip(micro.which, values.tolist(), strict=True):
            out[i] = value
    return out


@dataclass(frozen=True)
class Training:
    """How a reward model is trained. Pairs are (better, worse) places in the examples."""

    steps: int
    batch_size: int
    rate: float
    clip: float
    seed: int


def train(
    model: Any,
    start: Mapping[str, Tensor],
    examples: Sequence[Example],
    pairs: Sequence[tuple[int, int]],
    how: Training,
    told: Callable[[int, float, float], None] = lambda step, loss, right: None,
    stopping: Callable[[], bool] = lambda: False,
) -> RewardModel:
    """Trains from the adapter `start` and a head of zeros, so that the first loss is log 2; the learner's own adapter comes
    back untouched. The same seed gives the same reward model. `told` hears (step, loss, share of pairs in order)."""
    device = next(model.parameters()).device
    parameters = trainable(model)
    width = model.get_base_model().config.hidden_size if hasattr(model, "get_base_model") else model.config.hidden_size
    with _own_randomness(how.seed, device), _instead(parameters, start):
        training_mode(model)
        head = torch.nn.Parameter(torch.zeros(width, device=device))
        learnt = [*parameters.values(), head]
        optimizer = torch.optim.AdamW(learnt, lr=how.rate, weight_decay=0.0)
        random = np.random.Generator(np.random.PCG64(how.seed))
        order: list[int] = []
        for step in range(how.steps):
            if stopping():
                raise Stopped
            while len(order) < how.batch_size:
                order += random.permutation(len(pairs)).tolist()
            batch, order = order[: how.batch_size], order[how.batch_size :]
            loss, right = _step(model, head, examples, [pairs[i] for i in batch])
            torch.nn.utils.clip_grad_norm_(learnt, how.clip)
            for group in optimizer.param_groups:
                group["lr"] = how.rate * (1 - step / how.steps)
            optimizer.step()
            optimizer.zero_grad()
            told(step + 1, loss, right)
        model.eval()
        with torch.no_grad():
            rewards = np.asarray(read(model, head.detach(), examples))
        adapter = {n: p.detach().clone() for n, p in parameters.items()}
    return RewardModel(adapter, head.detach().cpu(), float(rewards.mean()), float(rewards.std()) or 1.0)


def _step(
    model: Any, head: Tensor, examples: Sequence[Example], pairs: Sequence[tuple[int, int]]
) -> tuple[float, float]:
    """Gradient of the mean loss over pairs, a few pairs a forward; (loss, share in order)."""
    device, total, right = head.device, 0.0, 0
    few = max(1, READING.rows // 2)
    for at in range(0, len(pairs), few):
        chunk = pairs[at : at + few]
        flat = [examples[i] for p in chunk for i in p]
        (micro,) = micro_batches(flat, range(len(flat)), Limits(len(flat)))
        values = (states(model, micro.to(device)) @ head)[torch.argsort(torch.tensor(micro.which, device=device))]
        margin = values[0::2] - values[1::2]
        loss = -torch.nn.functional.logsigmoid(margin).sum() / len(pairs)
        loss.backward()
        total += float(loss.detach())
        right += int((margin > 0).sum())
    return total, right / len(pairs)


@contextmanager
def _instead(parameters: Mapping[str, torch.nn.Parameter], start: Mapping[str, Tensor]) -> Iterator[None]:
    """The parameters begin at `start` inside the block; their own values come back, without gradients."""
    own = {n: p.detach().clone() for n, p in parameters.items()}
    try:
        with torch.no_grad():
            for n, p in parameters.items():
                p.copy_(start[n])
        yield
    finally:
        with torch.no_grad():
            for n, p in parameters.items():
                p.grad = None
                p.copy_(own[n])


@contextmanager
def _own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield
