"""Greedy answers of a LoRA student to prompts of mixed lengths: ours, or transformers' own generate on padded batches.

python -m benchmarks.sides.rollouts CASE VARIANT
"""

from __future__ import annotations

import sys
import zlib
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from jobs.distill.generate import Decoding, generate
from jobs.distill.recipe import Adapter
from jobs.distill.students.lora import attach, trainable

from .meter import Meter

CASES = {"mixed": True, "full": False}  # do answers end before the longest allowed?
PROMPTS, BATCH, NEW = 64, 16, 128
VOCAB, WIDTH, LAYERS = 8192, 384, 6
PAD = 0


def student() -> Any:
    """Random weights, an adapter that does something."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=LAYERS, num_attention_heads=6,
        num_key_value_heads=2, max_position_embeddings=512, bos_token_id=None, eos_token_id=None, pad_token_id=PAD,
        initializer_range=0.08,
    )  # fmt: skip
    model = attach(LlamaForCausalLM(config), Adapter(rank=16, alpha=32), 0)
    with torch.no_grad():
        for name, p in trainable(model).items():
            if "lora_B" in name:
                p.normal_(0, 0.02)
    return model.eval()


def prompts() -> list[list[int]]:
    g = torch.Generator().manual_seed(1)
    lengths = torch.randint(12, 97, (PROMPTS,), generator=g).tolist()
    return [torch.randint(1, VOCAB, (n,), generator=g).tolist() for n in lengths]


def ends(case: str) -> tuple[int, ...]:
    """One in a hundred words ends an answer, so answers end at all lengths, as real ones do."""
    return tuple(range(7, VOCAB, 97)) if CASES[case] else ()


def plain(model: Any, asked: list[list[int]], stop: tuple[int, ...]) -> list[list[int]]:
    """Batches in the order given, padded on the left; a batch ends when its last answer does."""
    out = []
    for i in range(0, len(asked), BATCH):
        batch = asked[i : i + BATCH]
        longest = max(map(len, batch))
        ids = torch.tensor([[PAD] * (longest - len(p)) + p for p in batch])
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in batch])
        with torch.inference_mode():
            made = model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=NEW, do_sample=False, eos_token_id=list(stop) or None, pad_token_id=PAD
            )  # fmt: skip
        for row in made[:, longest:].tolist():
            cut = next((n for n, t in enumerate(row) if t in stop), len(row))
            out.append(row[:cut])
    return out


def ours(model: Any, asked: list[list[int]], stop: tuple[int, ...]) -> list[list[int]]:
    return [a.ids for a in generate(model, asked, Decoding(NEW, stop, PAD), BATCH, refill=True)]


def main() -> None:
    case, variant = sys.argv[1:3]
    model, asked, stop = student(), prompts(), ends(case)
    write = ours if variant == "ours" else plain
    write(model, asked[:2], stop)  # warm
    meter = Meter()
    meter.start()
    answers = write(model, asked, stop)
    meter.stop(sum(map(len, answers)), float(zlib.crc32(repr(answers).encode())))


if __name__ == "__main__":
    main()
