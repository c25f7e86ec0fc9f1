"""How many rows the pass over the output layer works on at once, and how many of those stay in the processor's cache.

Two sizes, for two costs. A chunk is what one product with the output layer makes: the more rows, the less often the layer is
read from memory. A block is the part of it whose arithmetic runs in one go: small enough that what one operation writes is
still in the cache when the next reads it. On a GPU both are one.
"""

from __future__ import annotations

import torch

COPIES = 6  # live fp32 copies of a chunk's logits: both logits, both distributions, ratio, derivative
COPIES_IN_BLOCKS = 3  # both logits, and room for the blocks: the derivative takes the place of the logits
CPU_BUDGET = 512 * 2**20
CPU_ROWS = 256  # below it the head is read from memory too often
CPU_CHUNK = 8 * 2**20  # bytes of one copy worth filling where the vocabulary is small
GPU_SHARE = 0.05
CACHED = 2**18  # numbers of a block a core, where a live teacher's terms pass over the vocabulary again and again
SPARSE, SPARSE_ROWS = 2**21, 32  # without one only the softmax is that wide: few passes, many small operations


def choose_chunk(
    rows: int, vocab: int, device: torch.device | str = "cpu", budget: int | None = None, copies: int = COPIES
) -> tuple[int, str]:
    """Rows a chunk and the reason in words. budget: bytes for the live copies of a chunk's logits."""
    device = torch.device(device)
    if budget is None:
        # a share of all memory, not of what is free now: the chunk, and with it rounding, must not change on resume
        whole = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else 0
        budget = int(GPU_SHARE * whole) or CPU_BUDGET
    most = budget // (vocab * 4 * copies)
    best = rows if device.type == "cuda" else max(CPU_ROWS, CPU_CHUNK // (vocab * 4))
    chunk = max(16, min(most, best, rows))
    held = f"{copies} copies of {chunk} rows x {vocab} logits are {chunk * vocab * 4 * copies / 2**20:.0f} MiB"
    return chunk, f"{held} of the {budget / 2**20:.0f} MiB set aside"


def blocks(rows: int, vocab: int, device: torch.device, dense: bool) -> list[slice]:
    """A chunk's rows cut for the cache. dense: a teacher's whole distribution takes part."""
    threads = torch.get_num_threads()  # softmax shares out rows: each core needs one
    step = max(threads, CACHED * threads // vocab) if dense else max(SPARSE_ROWS, SPARSE // vocab)
    if device.type != "cpu" or step >= rows:
        return [slice(0, rows)]
    return [slice(i, min(i + step, rows)) for i in range(0, rows, step)]
