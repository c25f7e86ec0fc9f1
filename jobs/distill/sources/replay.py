"""A buffer of the student's earlier answers, and how rows are written into a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from .writing import Written


@dataclass(frozen=True)
class Slot:
    """One place of a step: prompt number and the student's answers to it; no answers: the row of the data."""

    prompt: int
    answers: tuple[Written, ...] = ()
    replayed: bool = False


@dataclass
class Replay:
    """The latest answers, oldest first; `capacity` counts answers. 0 keeps nothing."""

    capacity: int
    slots: list[Slot] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(len(s.answers) for s in self.slots)

    def add(self, slots: Sequence[Slot]) -> None:
        if not self.capacity:
            return
        self.slots.extend(slots)
        held = len(self)
        while held > self.capacity:
            held -= len(self.slots.pop(0).answers)

    def draw(self, chance: float) -> Slot | None:
        """The slot at this place of the buffer, 0 <= chance < 1; None while it is empty."""
        if not self.slots:
            return None
        found = self.slots[int(chance * len(self.slots))]
        return Slot(found.prompt, found.answers, replayed=True)


# -- in a checkpoint ----------------------------------------------------------------------------------------------------

_VECTORS = ("old_logq", "old_logp")


def pack(slots: Sequence[Slot], prefix: str) -> dict[str, torch.Tensor]:
    """Slots as flat tensors whose names start with `prefix`."""
    every = [w for s in slots for w in s.answers]
    head = [[s.prompt, len(s.answers), int(s.replayed)] for s in slots]
    each = [[w.prompt, len(w.ids), int(w.finished), int(w.corrected)] for w in every]
    out = {
        "slots": torch.tensor(head, dtype=torch.int64).reshape(-1, 3),
        "answers": torch.tensor(each, dtype=torch.int64).reshape(-1, 4),
        "rewards": torch.tensor([w.reward for w in every], dtype=torch.float64),
        "ids": torch.from_numpy(_joined([w.ids for w in every], np.int32)),
    }
    for name in _VECTORS:
        values = [getattr(w, name) for w in every]
        if values and values[0] is not None:
            out[name] = torch.from_numpy(_joined(values, np.float32))
    return {prefix + name: tensor for name, tensor in out.items()}


def unpack(state: Mapping[str, torch.Tensor], prefix: str) -> list[Slot]:
    """What `pack` was given; nothing where the checkpoint has none of it."""
    if prefix + "slots" not in state:
        return []
    got = {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
    answers: list[Written] = []
    at = 0
    for (prompt, length, finished, corrected), reward in zip(
        got["answers"].tolist(), got["rewards"].tolist(), strict=True
    ):
        part = slice(at, at := at + length)
        more: dict[str, Any] = {name: got[name][part].numpy().copy() for name in _VECTORS if name in got}
        ids = got["ids"][part].numpy().copy()
        answers.append(Written(prompt, ids, bool(finished), reward, bool(corrected), **more))
    slots, first = [], 0
    for prompt, count, replayed in got["slots"].tolist():
        slots.append(Slot(prompt, tuple(answers[first : first + count]), bool(replayed)))
        first += count
    return slots


def _joined(parts: Sequence[np.ndarray], kind: Any) -> np.ndarray:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, kind)
