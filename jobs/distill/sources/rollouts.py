"""Rows the student writes during training, a window of steps at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ..rows import Example
from .bound import held_near, kl_of
from .fixed import step_rows
from .mixed import SHARE, Mix
from .replay import Replay, Slot, pack, unpack
from .writing import Ask, Writer, Written

WINDOW, BUFFER, BEGIN = "source.window.", "source.replay.", "source.begin"
Prepare = Callable[[Sequence[Mapping[str, np.ndarray]]], dict[str, list[np.ndarray]]]


@dataclass
class Rollouts:
    """Student, mixed and replayed rows. Before the first step of a window all its answers are written; they and the replay
    buffer are part of the checkpoint, so that a run resumed inside a window sees the same rows.

    `prepare` are functions of terms that need a whole step's answers at once (whitening); `told` hears the metrics of each
    window: (step, values).
    """

    writer: Writer
    mix: Mix
    batch_size: int
    seed: int
    steps: int
    window: int = 8
    samples: int = 1
    capacity: int = 0
    prepare: Sequence[Prepare] = ()
    told: Callable[[int, dict[str, float]], None] = lambda step, values: None
    kl_bound: float | None = None
    begin: int = 0
    held: list[list[Slot]] = field(default_factory=list)  # the window's steps, from `begin`

    def __post_init__(self) -> None:
        self.buffer = Replay(self.capacity)
        self.places = max(1, self.batch_size // self.samples)  # prompts a step

    def step(self, step: int) -> list[Example]:
        if not self.begin <= step < self.begin + len(self.held):
            self._write(step)
        slots = self.held[step - self.begin]
        return self._prepared([e for place, slot in enumerate(slots) for e in self._examples(step, place, slot)])

    def state(self) -> dict[str, torch.Tensor]:
        out = {BEGIN: torch.tensor([self.begin, len(self.held)])}
        out |= pack([slot for slots in self.held for slot in slots], WINDOW)
        return out | (pack(self.buffer.slots, BUFFER) if self.capacity else {})

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        begin, count = state[BEGIN].tolist() if BEGIN in state else (0, 0)
        slots = unpack(state, WINDOW)
        self.begin = begin
        self.held = [slots[i * self.places : (i + 1) * self.places] for i in range(count)]
        self.buffer.slots = unpack(state, BUFFER)

    # -- writing a window -----------------------------------------------------------------------------------------

    def _write(self, step: int) -> None:
        """Decides every place from here to the window's end, writes what is new, tells how it went."""
        end = min(step - step % self.window + self.window, self.steps)
        kept: dict[tuple[int, int], Slot] = {}
        asked: dict[tuple[int, int], list[Ask]] = {}
        for s in range(step, max(end, step + 1)):
            for place, prompt in enumerate(step_rows(len(self.writer.prompts), self.places, s, self.seed)):
                slot = self._without_writing(s, place, prompt)
                if slot is not None:
                    kept[s, place] = slot
                else:
                    asked[s, place] = [Ask(prompt, f"{self.seed}:{s}:{place}:{k}") for k in range(self.samples)]
        made = self.writer.write([a for several in asked.values() for a in several], step)
        said, made = made, held_near(made, self.kl_bound)
        new: dict[tuple[int, int], Slot] = {}
        for n, (where, several) in enumerate(asked.items()):
            new[where] = Slot(several[0].prompt, tuple(made[n * self.samples : (n + 1) * self.samples]))
        every = {**kept, **new}
        self.begin = step
        self.held = [[every[s, p] for p in range(self.places)] for s in range(step, max(end, step + 1))]
        self.buffer.add(list(new.values()))
        self.told(step, self._metrics(list(every.values()), said, step))

    def _without_writing(self, step: int, place: int, prompt: int) -> Slot | None:
        """The row of the data or an old answer, where a coin says so; None: a new answer is to be written."""
        if self.writer.prompts[prompt].fixed is not None and not self.mix.by_student(step, place):
            return Slot(prompt)
        if self.capacity and not self.mix.anew(step, place):
            return self.buffer.draw(self.mix.from_buffer(step, place))
        return None

    def _metrics(self, slots: list[Slot], made: list[Written], step: int) -> dict[str, float]:
        """Shares of a window. A dead answer teaches nothing: it is empty, or all of its group were rewarded alike."""
        out = {"rollout.share": float(np.mean([bool(s.answers) for s in slots])), SHARE: self.mix.now(step)[SHARE]}
        if self.capacity:
            hits = sum(s.replayed for s in slots)
            out |= {"rollout.replayed": hits / max(1, sum(bool(s.answers) for s in slots)), "replay.hits": float(hits)}
            out["replay.size"] = float(len(self.buffer))
        if not made:
            return out
        out |= {
            "rollout.length": float(np.mean([len(w.ids) for w in made])),
            "rollout.unfinished": float(np.mean([not w.finished for w in made])),
            "rollout.empty": float(np.mean([w.empty for w in made])),
            "rollout.dead": float(np.mean([w.empty or dead for w, dead in zip(made, self._alike(made), strict=True)])),
        }
        if self.writer.wants.reward != "none":
            out["rollout.reward"] = float(np.mean([w.reward for w in made]))
        if (kl := kl_of(made)) is not None:
            out["rollout.kl"] = kl
            if self.kl_bound is not None:
                out["rollout.kl_bound"] = self.kl_bound
        if self.writer.wants.correct:
            out["rollout.corrected"] = float(np.mean([w.corrected for w in made]))
        return out

    def _alike(self, made: list[Written]) -> list[bool]:
        if self.writer.wants.reward == "none" or self.samples == 1:
            return [False] * len(made)
        groups = [made[i : i + self.samples] for i in range(0, len(made), self.samples)]
        return [len({w.reward for w in group}) == 1 for group in groups for _ in group]

    # -- rows of a step -------------------------------------------------------------------------------------------

    def _examples(self, step: int, place: int, slot: Slot) -> list[Example]:
        if not slot.answers:
            fixed = self.writer.prompts[slot.prompt].fixed
            assert fixed is not None
            return [replace(fixed, features=self._features(fixed.supervised, None))]
        group = f"{self.writer.prompts[slot.prompt].row_id}:{step}:{place}" if len(slot.answers) > 1 else ""
        return [
            replace(self.writer.example(w), group=group, features=self._features(len(w.ids), w)) for w in slot.answers
        ]

    def _features(self, supervised: int, one: Written | None) -> dict[str, Any]:
        """What terms read of an answer. A row of the data beside rollouts carries zeros, which its origin keeps from counting."""
        wants = self.writer.wants
        out: dict[str, Any] = {}
        if wants.reward != "none":
            out["reward"] = one.reward if one else 0.0
        for name in ("old_logq", "old_logp"):
            if getattr(wants, name):
                out[name] = getattr(one, name) if one else np.zeros(supervised, np.float32)
        return out

    def _prepared(self, examples: list[Example]) -> list[Example]:
        """With what terms make of a whole step's answers."""
        mine = [i for i, e in enumerate(examples) if e.origin == "rollout"]
        for prepare in self.prepare:
            for name, values in prepare([examples[i].features for i in mine]).items():
                given = dict(zip(mine, values, strict=True))
                examples = [
                    replace(e, features={**e.features, name: given.get(i, np.zeros(e.supervised, np.float32))})
                    for i, e in enumerate(examples)
                ]
        return examples
