"""Which rows make a step, and how they are cut into micro-batches. Both are pure functions: nothing to save, nothing to lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from .rows import Example


def step_rows(n: int, batch_size: int, step: int, seed: int) -> list[int]:
    """Indices of the rows of optimizer step `step` (from 0): a function of (seed, epoch, counter) and nothing else.

    The rows form an endless stream of shuffled epochs, so that every step has exactly `batch_size` rows.
    """
    counters = range(step * batch_size, (step + 1) * batch_size)
    return [int(epoch_order(n, seed, c // n)[c % n]) for c in counters]


@lru_cache(maxsize=4)
def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """A permutation of range(n)."""
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(n)


@dataclass(frozen=True)
class Micro:
    """One forward: rows padded on the right to their longest, without their last token, which predicts nothing.

    A causal model's states never depend on what stands to the right, so no attention mask is needed.
    """

    which: list[int]  # indices of the examples, in the order of the rows below
    input_ids: torch.Tensor  # [rows, length]
    places: torch.Tensor  # [N] index into rows * length of each supervised position
    labels: torch.Tensor  # [N] the token that each of them predicts
    weights: torch.Tensor  # [N] float32: 1 / Z of the whole optimizer step
    labelled: torch.Tensor  # [N] bool: does the row have a gold answer?

    def to(self, device: torch.device) -> Micro:
        if device.type == "cpu":
            return self
        moved = [
            t.to(device, non_blocking=True)
            for t in (self.input_ids, self.places, self.labels, self.weights, self.labelled)
        ]
        return Micro(self.which, *moved)


CPU_TOKENS = 2048  # padded tokens a micro-batch: keeps the activations of small models in the caches
GPU_TOKENS = 32768
OVERHEAD = {"cpu": 48, "cuda": 1500}  # what one more forward costs, in tokens


@dataclass(frozen=True)
class Limits:
    """How a step may be cut: at most so many rows and padded tokens a micro-batch; `overhead` is what one more forward
    costs, counted in tokens."""

    rows: int
    tokens: int = 1 << 40
    overhead: int = 64

    def halved(self) -> Limits:
        return Limits(max(1, self.rows // 2), max(1, self.tokens // 2), self.overhead)


def limits_on(kind: str, batch_size: int, micro_batch: int | None) -> Limits:
    """The limits of a step on a device of this kind, `cpu` or `cuda`."""
    return Limits(micro_batch or batch_size, CPU_TOKENS if kind == "cpu" else GPU_TOKENS, OVERHEAD[kind])


def cut(lengths: Sequence[int], limits: Limits) -> list[list[int]]:
    """Groups of similar length that make the least work: minimal sum of rows * longest + overhead a group.

    With rows sorted by length the best cut is a shortest path; a row longer than the limit stands alone.
    """
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    best = [0.0] + [float("inf")] * len(order)
    origin = [0] * (len(order) + 1)
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        for begin in range(max(0, end - limits.rows), end):
            padded = (end - begin) * longest
            cost = best[begin] + padded + limits.overhead
            if cost < best[end] and (padded <= limits.tokens or begin == end - 1):
                best[end], origin[end] = cost, begin
    groups, end = [], len(order)
    while end:
        groups.append(order[origin[end] : end])
        end = origin[end]
    return groups[::-1]


def micro_batches(
    examples: Sequence[Example], rows: Sequence[int], limits: Limits, reduction: str = "token_mean"
) -> list[Micro]:
    """The step's rows as micro-batches. The normaliser Z is that of the whole step, so the cut does not change the result."""
    step = [examples[i] for i in rows]
    total = sum(e.supervised for e in step)
    groups = cut([len(e.ids) - 1 for e in step], limits)
    return [_collate([rows[i] for i in g], [step[i] for i in g], total, len(step), reduction) for g in groups]


def _collate(which: list[int], group: list[Example], total: int, sequences: int, reduction: str) -> Micro:
    length = max(len(e.ids) for e in group) - 1
    ids = np.zeros((len(group), length), dtype=np.int64)  # padding on the right is read by nobody: any id will do
    for r, e in enumerate(group):
        ids[r, : len(e.ids) - 1] = e.ids[:-1]
    # Position t predicts token t + 1: the first supervised position is the last one of the prompt.
    places = np.concatenate([r * length + np.arange(e.start - 1, len(e.ids) - 1) for r, e in enumerate(group)])
    labels = np.concatenate([e.ids[e.start :] for e in group]).astype(np.int64)
    counts = [e.supervised for e in group]
    each = [1 / total if reduction == "token_mean" else 1 / (c * sequences) for c in counts]
    return Micro(
        which,
        torch.from_numpy(ids),
        torch.from_numpy(places),
        torch.from_numpy(labels),
        torch.from_numpy(np.repeat(np.asarray(each, dtype=np.float32), counts)),
        torch.from_numpy(np.repeat(np.asarray([e.labelled for e in group]), counts)),
    )
