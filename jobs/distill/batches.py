"""How the rows of a step are cut into micro-batches: a pure function, so there is nothing to save and nothing to lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch

from .rows import Example


@dataclass(frozen=True)
class Micro:
    """One forward: rows padded on the right to their longest, without their last token, which predicts nothing.

    A causal model's states never depend on what stands to the right, so no attention mask is needed.
    """

    which: list[int]  # indices of the examples, in the order of the rows below
    input_ids: torch.Tensor  # [rows, length]
    places: torch.Tensor  # [N] index into rows * length of each supervised position
    labels: torch.Tensor  # [N] the token that each of them predicts
    weights: torch.Tensor  # [N] float32: the row's weight * the token's paint / Z of the whole optimizer step
    labelled: torch.Tensor  # [N] bool: does the row have a gold answer?
    of: torch.Tensor  # [N] int64: the row of each position
    group: torch.Tensor  # [rows] int64: the group of each row, 0 .. groups - 1
    group_weights: torch.Tensor  # [groups] float32: the group's weight / groups of the whole optimizer step
    origin: list[str]  # of each row
    paint: torch.Tensor | None = None  # [N] float32 weight of each token; None: nothing is painted, all are 1
    prompts: torch.Tensor | None = None  # [rows, length] what an encoder reads; input_ids are then the decoder's
    prompt_mask: torch.Tensor | None = None  # [rows, length] 0 on the padding of `prompts`

    def to(self, device: torch.device) -> Micro:
        if device.type == "cpu":
            return self
        moved: dict[str, Any] = {
            f.name: value.to(device, non_blocking=True)
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), torch.Tensor)
        }
        return replace(self, **moved)

    def has_origin(self, origin: str) -> torch.Tensor:
        """Positions of rows of this origin, bool [N]."""
        rows = torch.tensor([o == origin for o in self.origin], device=self.of.device)
        return rows[self.of]


CPU_TOKENS = (
    512  # padded tokens a micro-batch: activations of small models stay in the caches, and few of them are held
)
GPU_TOKENS = 32768
OVERHEAD = {"cpu": 48, "cuda": 1500}  # what one more forward costs, in tokens


@dataclass(frozen=True)
class Limits:
    """How a step may be cut: at most so many rows and padded tokens a micro-batch; `overhead` is what one more forward
    costs, counted in tokens. apart: prompts and answers are padded each for themselves, as an encoder-decoder reads them."""

    rows: int
    tokens: int = 1 << 40
    overhead: int = 64
    apart: bool = False

    def halved(self) -> Limits:
        return replace(self, rows=max(1, self.rows // 2), tokens=max(1, self.tokens // 2))


def limits_on(kind: str, batch_size: int, micro_batch: int | None, apart: bool = False) -> Limits:
    """The limits of a step on a device of this kind, `cpu` or `cuda`."""
    return Limits(micro_batch or batch_size, CPU_TOKENS if kind == "cpu" else GPU_TOKENS, OVERHEAD[kind], apart)


def cut(lengths: Sequence[int], limits: Limits, answers: Sequence[int] | None = None) -> list[list[int]]:
    """Groups of similar length that make the least work: minimal sum of rows * longest + overhead a group.

    With rows sorted by length the best cut is a shortest path; a row longer than the limit stands alone. With `answers`,
    which `lengths` include, the longest prompt and the longest answer of a group are padded to, each for itself.
    """
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    best = [0.0] + [float("inf")] * len(order)
    origin = [0] * (len(order) + 1)
    for end in range(1, len(order) + 1):
        first = max(0, end - limits.rows)
        widths = _widths(order[first:end], lengths, answers)
        for begin in range(first, end):
            padded = (end - begin) * widths[begin - first]
            cost = best[begin] + padded + limits.overhead
            if cost < best[end] and (padded <= limits.tokens or begin == end - 1):
                best[end], origin[end] = cost, begin
    groups, end = [], len(order)
    while end:
        groups.append(order[origin[end] : end])
        end = origin[end]
    return groups[::-1]


def _widths(order: Sequence[int], lengths: Sequence[int], answers: Sequence[int] | None) -> list[int]:
    """How wide a group is that begins at each of these rows and ends with the last."""
    if answers is None:
        return [lengths[order[-1]]] * len(order)
    out, prompt, answer = [], 0, 0
    for i in reversed(order):
        prompt, answer = max(prompt, lengths[i] - answers[i]), max(answer, answers[i])
        out.append(prompt + answer)
    return out[::-1]


def micro_batches(
    examples: Sequence[Example],
    rows: Sequence[int],
    limits: Limits,
    reduction: str = "token_mean",
    whole: Sequence[Example] | None = None,
) -> list[Micro]:
    """Rows as micro-batches. The normaliser Z is that of the whole step, so the cut does not change the result.

    Rows of one group (a preference pair, the answers to one prompt) stay together. `whole` are all rows of the step, where
    `rows` are only a part of them.
    """
    step = [examples[i] for i in rows]
    every = step if whole is None else whole
    counts = Normaliser(sum(e.mass for e in every), sum(e.mass > 0 for e in every), group_count(every), reduction)
    answers = [e.supervised for e in step] if limits.apart else None
    lengths = [len(e.ids) - 1 for e in step]
    cuts = cut_groups(step, limits) if any(e.group for e in step) else cut(lengths, limits, answers)
    return [_collate([rows[i] for i in g], [step[i] for i in g], counts) for g in cuts]


def one_batch(examples: Sequence[Example]) -> Micro:
    """All rows in one forward, in the order given, for reading states; its weights mean nothing."""
    return _collate(list(range(len(examples))), list(examples), Normaliser(1, 1, 1))


@dataclass(frozen=True)
class Normaliser:
    """Counts of the whole optimizer step, over all micro-batches and ranks. A token that is painted out is not counted, one
    of weight 2 counts twice, and an answer without a token left is no sequence."""

    tokens: float
    sequences: int
    groups: int
    reduction: str = "token_mean"

    def each(self, mass: float) -> float:
        """Weight of one position in an answer of so many; 0 where nothing is left to learn."""
        whole = self.tokens if self.reduction == "token_mean" else mass * self.sequences
        return 1 / whole if whole > 0 and mass > 0 else 0.0


def group_count(examples: Sequence[Example]) -> int:
    """Groups of these rows in which something is left to learn; a row without a group is one of its own."""
    left = [e for e in examples if e.mass > 0]
    return len({e.group for e in left if e.group}) + sum(not e.group for e in left)


def cut_groups(examples: Sequence[Example], limits: Limits) -> list[list[int]]:
    """Whole groups of similar length, as many as the limits allow; a group larger than the limits stands alone."""
    units: dict[str, list[int]] = {}
    for i, e in enumerate(examples):
        units.setdefault(e.group or f"\0{i}", []).append(i)
    longest = {u: max(len(examples[i].ids) - 1 for i in rows) for u, rows in units.items()}
    cuts: list[list[int]] = []
    width = 0
    for unit, rows in sorted(units.items(), key=lambda item: (longest[item[0]], item[1])):
        width = max(width, longest[unit])
        size = len(rows) + (len(cuts[-1]) if cuts else 0)
        if not cuts or size > limits.rows or size * width > limits.tokens:
            cuts.append([])
            width = longest[unit]
        cuts[-1].extend(rows)
    return cuts


def _collate(which: list[int], group: list[Example], whole: Normaliser) -> Micro:
    length = max(len(e.ids) for e in group) - 1
    ids = np.zeros((len(group), length), dtype=np.int64)  # padding on the right is read by nobody: any id will do
    for r, e in enumerate(group):
        ids[r, : len(e.ids) - 1] = e.ids[:-1]
    # Position t predicts token t + 1: the first supervised position is the last one of the prompt.
    places = np.concatenate([r * length + np.arange(e.start - 1, len(e.ids) - 1) for r, e in enumerate(group)])
    labels = np.concatenate([e.ids[e.start :] for e in group]).astype(np.int64)
    counts = [e.supervised for e in group]
    each = [e.weight * whole.each(e.mass) for e in group]
    weights = np.repeat(np.asarray(each, dtype=np.float32), counts)
    paint = _paint(group)
    numbers: dict[str, int] = {}
    units = np.asarray([numbers.setdefault(e.group or f"\0{r}", len(numbers)) for r, e in enumerate(group)])
    unit_weights = np.zeros(len(numbers), dtype=np.float32)
    for unit, e in zip(units, group, strict=True):
        unit_weights[unit] = e.weight / max(1, whole.groups)
    return Micro(
        which,
        torch.from_numpy(ids),
        torch.from_numpy(places),
        torch.from_numpy(labels),
        torch.from_numpy(weights if paint is None else weights * paint),
        torch.from_numpy(np.repeat(np.asarray([e.labelled for e in group]), counts)),
        torch.from_numpy(np.repeat(np.arange(len(group)), counts)),
        torch.from_numpy(units),
        torch.from_numpy(unit_weights),
        [e.origin for e in group],
        None if paint is None else torch.from_numpy(paint),
    )


def shortest(rows: Sequence[Example]) -> list[int]:
    """Indices of the shortest row and of those in one group with it."""
    least = min(range(len(rows)), key=lambda i: len(rows[i].ids))
    group = rows[least].group
    return [i for i, e in enumerate(rows) if i == least or group and e.group == group]


def nothing_of(micro: Micro) -> Micro:
    """The same forward with no weight on anything: what it adds to loss and gradient is 0."""
    weights = torch.zeros_like(micro.weights), torch.zeros_like(micro.group_weights)
    return replace(micro, weights=weights[0], group_weights=weights[1])


def _paint(group: Sequence[Example]) -> np.ndarray | None:
    """Weight of each supervised token of these rows, float32 [N]; None where no row is painted."""
    if all(e.paint is None for e in group):
        return None
    each = [np.ones(e.supervised, dtype=np.float32) if e.paint is None else e.paint for e in group]
    return np.concatenate(each).astype(np.float32)


def features_of(group: Sequence[Example]) -> dict[str, torch.Tensor]:
    """Features that every row of the micro-batch has: [rows] for numbers, [N] for one number a position."""
    shared = set.intersection(*(set(e.features) for e in group)) if group else set()
    out = {}
    for name in sorted(shared):
        values = [e.features[name] for e in group]
        if np.ndim(values[0]):
            out[name] = torch.from_numpy(np.concatenate(values).astype(np.float32))
        else:
            out[name] = torch.tensor([float(v) for v in values])
    return out
