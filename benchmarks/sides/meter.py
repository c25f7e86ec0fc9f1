"""Time, processor time and memory of one side's training steps. Standard library and psutil-free: runs in any environment."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def resident_bytes() -> int:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * resource.getpagesize()


def reset_peak() -> None:
    """Linux: forget the peak so far (loading and optimizer set-up), so that the peak is the steps' own."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_since_reset() -> int:
    """VmHWM follows clear_refs, unlike ru_maxrss."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return peak_bytes()


def gpu() -> Any:
    """torch.cuda where this side uses it; what was asked of it is done when this returns."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    torch.cuda.synchronize()
    return torch.cuda


class Meter:
    """start() after the warm-up, stop() after the last step."""

    def start(self) -> None:
        if (cuda := gpu()) is not None:
            cuda.reset_peak_memory_stats()
        self.resident = resident_bytes()
        reset_peak()
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def stop(self, supervised_tokens: int, loss: float, **more: float) -> None:
        if (cuda := gpu()) is not None:
            more["peak_gpu_bytes"] = cuda.max_memory_allocated()
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        print(
            json.dumps(
                {
                    "supervised_tokens": supervised_tokens,
                    "seconds": wall,
                    "cpu_seconds": cpu,
                    "tokens_per_second": supervised_tokens / wall,
                    "tokens_per_cpu_second": supervised_tokens / cpu,
                    "peak_bytes": peak_since_reset(),
                    "resident_before_bytes": self.resident,
                    "loss": loss,
                    **more,
                }
            ),
            flush=True,
        )


class ReadMeter:
    """Starts when it is made; stop() after the last batch was read."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def stop(self, tokens: int, size: int, k: int) -> None:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        found = {"tokens": tokens, "k": k, "bytes_per_token": size / tokens, "seconds": wall, "cpu_seconds": cpu}
        rates = {"tokens_per_second": tokens / wall, "tokens_per_cpu_second": tokens / cpu}
        print(json.dumps({**found, **rates, "peak_bytes": peak_bytes()}), flush=True)
