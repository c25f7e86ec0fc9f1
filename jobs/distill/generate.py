"""Answers of a model for many prompts: greedy or sampled, batched by length, finished rows leave the batch at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache


@dataclass(frozen=True)
class Answer:
    """Token ids without the end token; `finished` is False when the answer was cut at the longest allowed."""

    ids: list[int]
    finished: bool


@dataclass(frozen=True)
class Decoding:
    max_new_tokens: int
    eos: tuple[int, ...]
    pad: int = 0
    temperature: float = 0.0
    seed: int = 0


def batches_by_length(prompts: Sequence[Sequence[int]], batch_size: int) -> list[list[int]]:
    """Indices in batches of similar length, longest first: the batch that needs the most memory fails first."""
    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    decoding: Decoding,
    batch_size: int,
    done: Callable[[list[int], list[Answer]], None] | None = None,
) -> list[Answer]:
    """An answer for each prompt, in order; `done` is told about each batch as it finishes (indices, answers)."""
    answers: dict[int, Answer] = {}
    for batch in batches_by_length(prompts, batch_size):
        made = generate_batch(model, [prompts[i] for i in batch], decoding)
        answers.update(zip(batch, made, strict=True))
        if done:
            done(batch, made)
    return [answers[i] for i in range(len(prompts))]


@torch.inference_mode()
def generate_batch(model: Any, prompts: Sequence[Sequence[int]], decoding: Decoding) -> list[Answer]:
    """One batch with a key-value cache. Padding is on the left; equal lengths need no mask at all."""
    device = next(model.parameters()).device
    ids, mask = _left_padded(prompts, decoding.pad, device)  # [B, L]
    padded = bool((mask == 0).any())
    position = mask.cumsum(-1) - 1
    cache = DynamicCache(config=model.config)
    alive = list(range(len(prompts)))  # the prompt that each row of the batch belongs to
    written: list[list[int]] = [[] for _ in prompts]
    finished = [False] * len(prompts)
    pick = _picker(decoding, prompts)
    ends = set(decoding.eos)
    for _ in range(decoding.max_new_tokens):
        out = model(
            input_ids=ids,
            attention_mask=mask if padded else None,
            position_ids=position.clamp_min(0),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        tokens = pick(out.logits[:, -1], alive, written)
        keep = []
        for row, (prompt, token) in enumerate(zip(alive, tokens, strict=True)):
            if token in ends:
                finished[prompt] = True
            else:
                written[prompt].append(token)
                keep.append(row)
        if not keep:
            break
        ids = torch.tensor([[tokens[row]] for row in keep], device=device)
        position = position[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], -1)
        if len(keep) < len(alive):
            index = torch.tensor(keep, device=device)
            cache.batch_select_indices(index)
            mask, position = mask[index], position[index]
            alive = [alive[row] for row in keep]
    return [Answer(w, f) for w, f in zip(written, finished, strict=True)]


def _left_padded(prompts: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(len(p) for p in prompts)
    ids = np.full((len(prompts), longest), pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = prompt
        mask[row, longest - len(prompt) :] = 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


def _picker(
    decoding: Decoding, prompts: Sequence[Sequence[int]]
) -> Callable[[torch.Tensor, list[int], list[list[int]]], list[int]]:
    """Greedy, or sampled with draws that depend on (seed, prompt, place) alone: the batch a row is in changes nothing."""
    if decoding.temperature == 0:
        return lambda logits, alive, written: logits.argmax(-1).tolist()
    keys = [hashlib.sha256(f"{decoding.seed}:{list(p)}".encode()).digest() for p in prompts]
    draws: list[Iterator[float]] = [_uniform(int.from_bytes(k[:8], "big")) for k in keys]

    def sample(logits: torch.Tensor, alive: list[int], written: list[list[int]]) -> list[int]:
        cumulative = torch.softmax(logits.double() / decoding.temperature, -1).cumsum(-1)
        at = torch.tensor([[next(draws[p])] for p in alive], dtype=torch.float64, device=logits.device)
        return torch.searchsorted(cumulative, at * cumulative[:, -1:]).clamp_max(logits.shape[-1] - 1)[:, 0].tolist()

    return sample


def _uniform(seed: int) -> Iterator[float]:
    generator = np.random.Generator(np.random.PCG64(seed))
    while True:
        yield float(generator.random())
