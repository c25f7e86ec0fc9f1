"""Answers of a model for many prompts: greedy or sampled, batched by length. A row that has ended leaves the batch at once
and the next prompt takes its place, so no forward is spent on rows that have nothing more to say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache
from transformers.cache_utils import DynamicLayer

from .students.quick import quick_adapter

REFILL = 0.25  # share of the places that must be free before new prompts are read: reading few at a time is slow
# Causal models that read a ready mask and positions and nothing else of the padding: no ALiBi, no sliding window.
READY_MASK = {"llama", "qwen2", "qwen3", "mistral", "granite", "olmo2", "smollm3", "gemma", "phi3", "gpt_neox"}


@dataclass(frozen=True)
class Answer:
    """Token ids without the end token; `finished` is False when the answer was cut at the longest allowed. `end` is the
    token it ended with."""

    ids: list[int]
    finished: bool
    end: int | None = None


@dataclass(frozen=True)
class Decoding:
    max_new_tokens: int
    eos: tuple[int, ...]
    pad: int = 0
    temperature: float = 0.0
    seed: int = 0
    top_p: float = 1.0  # draws come from the likeliest tokens that hold this much probability (Holtzman et al. 2020)


def batches_by_length(prompts: Sequence[Sequence[int]], batch_size: int) -> list[list[int]]:
    """Indices in batches of similar length, longest first: the batch that needs the most memory fails first."""
    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    decoding: Decoding,
    batch_size: int,
    *,
    refill: bool = False,
    seeds: Sequence[int] | None = None,
    vocab: int | None = None,
    room: Sequence[int] | None = None,
    beat: Callable[[], None] = lambda: None,
) -> list[Answer]:
    """An answer for each prompt, in order, at most `batch_size` written at a time; `beat` is called after each token.

    refill: prompts take the places of answers that have ended, which is faster; without it the batches are those of
    `batches_by_length`, to the bit. seeds: of each prompt's draws, instead of (decoding.seed, prompt). vocab: ids from there on
    are never said. room: most new tokens of each prompt, where it is less than decoding.max_new_tokens.
    """
    task, batches = (
        _task_of(model)(model, prompts, decoding, seeds, vocab, room),
        batches_by_length(prompts, batch_size),
    )
    for order in [[i for batch in batches for i in batch]] if refill else batches:
        task.run(order, batch_size, beat)
    return task.answers


def generate_batch(model: Any, prompts: Sequence[Sequence[int]], decoding: Decoding) -> list[Answer]:
    """One batch, all prompts at once."""
    task = _task_of(model)(model, prompts, decoding)
    task.run(list(range(len(prompts))), len(prompts))
    return task.answers


@dataclass
class Rows:
    """The rows that are being written: B of them, each with one token that the cache does not hold yet."""

    who: list[int]  # the prompt of each row
    ids: Tensor  # [B, 1]
    mask: Tensor  # [B, held]: 0 where a row is padded on the left
    position: Tensor  # [B, 1] of `ids`
    cache: DynamicCache | EncoderDecoderCache

    def keep(self, index: Tensor) -> None:
        """Only these rows go on."""
        self.cache.batch_select_indices(index)
        self.mask, self.position = self.mask[index], self.position[index]


@dataclass
class Task:
    model: Any
    prompts: Sequence[Sequence[int]]
    decoding: Decoding
    seeds: Sequence[int] | None = None
    vocab: int | None = None
    room: Sequence[int] | None = None
    written: list[list[int]] = field(default_factory=list)
    ends: list[int | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.device = next(self.model.parameters()).device
        self.written = [[] for _ in self.prompts]
        self.ends = [None] * len(self.prompts)
        self.pick = _picker(self.decoding, self.prompts, self.seeds)
        most = self.decoding.max_new_tokens
        self.longest = [min(most, r) for r in self.room] if self.room else [most] * len(self.prompts)
        config = self.model.config
        self.ready = config.model_type in READY_MASK and not getattr(config, "sliding_window", None)

    @torch.inference_mode()
    def run(self, order: list[int], batch_size: int, beat: Callable[[], None] = lambda: None) -> None:
        """Writes the answers to these prompts."""
        waiting = [i for i in order if self.longest[i] > 0]
        rows: Rows | None = None
        with quick_adapter(self.model):
            while waiting or rows:
                free = batch_size - (len(rows.who) if rows else 0)
                if waiting and (rows is None or (free >= REFILL * batch_size and _joinable(rows.cache))):
                    rows = _joined(rows, self._read(waiting[:free]))
                    waiting = waiting[free:]
                elif rows:
                    rows = self._next(rows)
                beat()

    @property
    def answers(self) -> list[Answer]:
        return [Answer(w, e is not None, e) for w, e in zip(self.written, self.ends, strict=True)]

    def _read(self, who: list[int]) -> Rows | None:
        """Reads prompts and picks their first tokens; None when all of them ended with it."""
        ids, mask = padded([self.prompts[i] for i in who], self.decoding.pad, self.device)  # [B, L]
        position = (mask.cumsum(-1) - 1).clamp_min(0)
        cache = DynamicCache(config=self.model.config)
        logits = self._forward(ids, mask if bool((mask == 0).any()) else None, position, cache)
        return self._picked(Rows(who, ids[:, -1:], mask, position[:, -1:], cache), logits)

    def _next(self, rows: Rows) -> Rows | None:
        """One more token of every row."""
        rows.mask = torch.cat([rows.mask, rows.mask.new_ones(len(rows.mask), 1)], -1)
        mask: Tensor | None = rows.mask
        if bool(rows.mask[:, 0].all()):
            mask = None  # padding stands on the left, so a row that has none there has none at all
        elif self.ready:  # what the model would make of the mask at every layer's first use, made once
            dtype = self.model.dtype
            mask = (1 - rows.mask.to(dtype)).mul_(torch.finfo(dtype).min)[:, None, None]
        return self._picked(rows, self._forward(rows.ids, mask, rows.position, rows.cache))

    def _forward(self, ids: Tensor, mask: Tensor | None, position: Tensor, cache: Any) -> Tensor:
        """Logits of the last position, [B, V]."""
        out = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=position,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return out.logits[:, -1, : self.vocab]

    def _picked(self, rows: Rows, logits: Tensor) -> Rows | None:
        """Picks a token a row; rows that end with it, or have no room for another, leave. None when none is left."""
        tokens, stop, keep = self.pick(logits, rows.who, self.written), set(self.decoding.eos), []
        for row, (who, token) in enumerate(zip(rows.who, tokens, strict=True)):
            if token in stop:
                self.ends[who] = token
                continue
            self.written[who].append(token)
            if len(self.written[who]) < self.longest[who]:
                keep.append(row)
        if not keep:
            return None
        rows.ids, rows.position = torch.tensor([[tokens[r]] for r in keep], device=self.device), rows.position + 1
        if len(keep) < len(rows.who):
            index = torch.tensor(keep, device=self.device)
            rows.keep(index)
            rows.who = [rows.who[r] for r in keep]
        return rows


def _task_of(model: Any) -> type[Task]:
    if not model.config.is_encoder_decoder:
        return Task
    from .generate_two_parts import TwoPartTask

    return TwoPartTask


# -- joining rows -------------------------------------------------------------------------------------------------------


def _joinable(cache: DynamicCache | EncoderDecoderCache) -> bool:
    """Whether rows may be put beside each other: plain keys and values a position, no windows, no running states."""
    return isinstance(cache, DynamicCache) and all(type(layer) is DynamicLayer for layer in cache.layers)


def _joined(old: Rows | None, new: Rows | None) -> Rows | None:
    """Both sets of rows as one batch, padded on the left to the longer."""
    if old is None or new is None:
        return new or old
    used = max(int(old.mask.sum(-1).max()), int(new.mask.sum(-1).max()))
    assert isinstance(old.cache, DynamicCache) and isinstance(new.cache, DynamicCache)
    old.mask, new.mask = (_widened(rows.mask, used, -1) for rows in (old, new))
    for mine, other in zip(old.cache.layers, new.cache.layers, strict=True):
        for name in ("keys", "values"):
            parts = [_widened(getattr(layer, name), used, -2) for layer in (mine, other)]
            setattr(mine, name, torch.cat(parts))
    return Rows(
        old.who + new.who,
        torch.cat([old.ids, new.ids]),
        torch.cat([old.mask, new.mask]),
        torch.cat([old.position, new.position]),
        old.cache,
    )


def _widened(x: Tensor, length: int, axis: int) -> Tensor:
    """Zeros put before the axis' start, or columns that are padding in every row taken away, until it is `length` long."""
    held = x.shape[axis]
    if held >= length:
        return x.narrow(axis, held - length, length)
    shape = list(x.shape)
    shape[axis] = length - held
    return torch.cat([x.new_zeros(shape), x], axis)


def padded(
    prompts: Sequence[Sequence[int]], pad: int, device: torch.device, left: bool = True
) -> tuple[Tensor, Tensor]:
    """Ids and mask, [B, longest]."""
    longest = max(len(p) for p in prompts)
    ids = np.full((len(prompts), longest), pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        at = slice(longest - len(prompt), None) if left else slice(len(prompt))
        ids[row, at] = prompt
        mask[row, at] = 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


# -- picking tokens -----------------------------------------------------------------------------------------------------


def _picker(
    decoding: Decoding, prompts: Sequence[Sequence[int]], seeds: Sequence[int] | None
) -> Callable[[Tensor, list[int], list[list[int]]], list[int]]:
    """Greedy, or sampled with draws that depend on (seed, prompt, place) alone: the batch a row is in changes nothing."""
    if decoding.temperature == 0:
        return lambda logits, alive, written: logits.argmax(-1).tolist()
    if seeds is None:
        keys = [hashlib.sha256(f"{decoding.seed}:{list(p)}".encode()).digest() for p in prompts]
        seeds = [int.from_bytes(k[:8], "big") for k in keys]
    draws: list[Iterator[float]] = [_uniform(seed) for seed in seeds]

    def sample(logits: Tensor, alive: list[int], written: list[list[int]]) -> list[int]:
        shares = torch.softmax(logits.double() / decoding.temperature, -1)
        if decoding.top_p < 1:
            ordered, where = shares.sort(-1, descending=True)
            out = ordered.cumsum(-1) - ordered >= decoding.top_p
            shares = shares.masked_fill(out.scatter(-1, where, out), 0.0)
        cumulative = shares.cumsum(-1)
        at = torch.tensor([[next(draws[p])] for p in alive], dtype=torch.float64, device=logits.device)
        return torch.searchsorted(cumulative, at * cumulative[:, -1:]).clamp_max(logits.shape[-1] - 1)[:, 0].tolist()

    return sample


def _uniform(seed: int) -> Iterator[float]:
    generator = np.random.Generator(np.random.PCG64(seed))
    while True:
        yield float(generator.random())
