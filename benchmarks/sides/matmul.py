"""The machine's matrix products, for the limit a figure leaves: floating-point operations a second.

python -m benchmarks.sides.matmul [CASE]

The best of several products of the shapes of an output layer, float32, on MKL's kernel and on the one the head pass takes; a
processor second. With a case of `gpu_step`: by the clock, on the case's device; on a GPU a product of 8,192 a side in bfloat16.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import torch

from benchmarks import workloads
from jobs.distill.objectives.scratch import Scratch
from jobs.distill.products import product

ROWS, WIDTH, VOCAB, REPEATS = 256, 1024, 16384, 8
SIDE = 8192


def best(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds of the fastest call."""
    work()
    fastest = float("inf")
    for _ in range(REPEATS):
        began = clock()
        work()
        fastest = min(fastest, clock() - began)
    return fastest


def on_cpu(clock: Callable[[], float]) -> dict[str, float]:
    hidden, weight, scratch = torch.randn(ROWS, WIDTH), torch.randn(VOCAB, WIDTH), Scratch()
    logits = hidden @ weight.t()
    times = {
        "mkl": best(lambda: torch.mm(hidden, weight.t(), out=logits), clock),
        "onednn": best(lambda: product(hidden, weight, scratch), clock),
        "backward": best(lambda: logits @ weight, clock),
    }
    return {name: 2 * ROWS * WIDTH * VOCAB / seconds for name, seconds in times.items()}


def on_gpu() -> dict[str, float]:
    a = torch.randn(SIDE, SIDE, device="cuda", dtype=torch.bfloat16)

    def work() -> None:
        for _ in range(REPEATS):
            torch.mm(a, a)
        torch.cuda.synchronize()

    return {"bfloat16": REPEATS * 2 * SIDE**3 / best(work, time.perf_counter)}


def main() -> None:
    given = sys.argv[1:]
    cuda = bool(given) and workloads.case(given[0]).device == "cuda"
    rates = on_gpu() if cuda else on_cpu(time.perf_counter if given else time.process_time)
    print(json.dumps({"flops_per_second": max(rates.values()), **rates}), flush=True)


if __name__ == "__main__":
    main()
