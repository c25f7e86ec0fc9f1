"""The machine's matrix products, for the limit a figure leaves: floating-point operations a processor second.

python -m benchmarks.sides.matmul

The best of several products of the shapes of an output layer, float32, on MKL's kernel and on the one the head pass takes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import torch

from jobs.distill.objectives.scratch import Scratch
from jobs.distill.products import product

ROWS, WIDTH, VOCAB, REPEATS = 256, 1024, 16384, 8


def best(work: Callable[[], object]) -> float:
    """Processor seconds of the fastest call."""
    work()
    fastest = float("inf")
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        fastest = min(fastest, time.process_time() - began)
    return fastest


def main() -> None:
    hidden, weight, scratch = torch.randn(ROWS, WIDTH), torch.randn(VOCAB, WIDTH), Scratch()
    logits = hidden @ weight.t()
    times = {
        "mkl": best(lambda: torch.mm(hidden, weight.t(), out=logits)),
        "onednn": best(lambda: product(hidden, weight, scratch)),
        "backward": best(lambda: logits @ weight),
    }
    rates = {name: 2 * ROWS * WIDTH * VOCAB / seconds for name, seconds in times.items()}
    print(json.dumps({"flops_per_cpu_second": max(rates.values()), **rates}), flush=True)


if __name__ == "__main__":
    main()
