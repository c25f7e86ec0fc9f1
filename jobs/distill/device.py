"""The machine under the run: what it is, what it can do, and the settings that make a run repeat itself."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from pathlib import Path
from typing import Any, cast

import torch

from . import heap
from .events import Events
from .four_bit import installed
from .plan.facts import DeviceFacts
from .ranks import here


def probe() -> DeviceFacts:
    """Name, memory and measured matmul rate of the device that training would use."""
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return DeviceFacts(
            kind="cuda",
            name=properties.name,
            count=torch.cuda.device_count(),
            memory_bytes=properties.total_memory,
            cores=_cores(),
            bfloat16=torch.cuda.is_bf16_supported(),
            four_bit=installed(),
            flops=_matmul_rate(torch.device("cuda"), torch.bfloat16, 4096),
        )
    return DeviceFacts(
        kind="cpu",
        name=_cpu_name(),
        memory_bytes=_memory_limit(),
        cores=_cores(),
        four_bit=installed(),
        flops=_matmul_rate(torch.device("cpu"), torch.float32, 512),
    )


NARROW = (
    256  # layers up to this width gain little from a second thread, and lose much when another program has that core
)


def settle(events: Events, width: int | None = None) -> torch.device:
    """Picks the device and turns on what makes two runs of one seed equal bit for bit.

    width: the widest hidden size of the run's models. The number of threads follows from it and the machine alone, because
    sums are added up in another order on another number of threads.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling every new tensor with NaN finds reads of memory nobody wrote; it also makes a step six times slower.
    cast(Any, torch.utils.deterministic).fill_uninitialized_memory = False
    if torch.cuda.is_available():
        index = torch.cuda.current_device()
        events.reason("device", "cuda", f"{torch.cuda.get_device_name(index)} is free to use")
        return torch.device("cuda", index)
    heap.keep()
    threads, why = _threads(width)
    torch.set_num_threads(threads)
    events.reason("device", "cpu", f"no GPU here; {why}")
    return torch.device("cpu")


def _threads(width: int | None) -> tuple[int, str]:
    """Threads for the CPU and the reason in words; WB_THREADS decides where it is set."""
    if asked := int(os.environ.get("WB_THREADS") or 0):
        return max(1, asked), f"{asked} threads, as WB_THREADS says"
    cores = max(1, _cores() // here().size)
    if width is not None and width <= NARROW and cores > 1:
        return 1, f"one thread: layers of {width} are too narrow to share between {cores} cores"
    return max(1, cores), f"{cores} threads"


def peak_memory() -> int:
    """Bytes: the most this process held, on the GPU where there is one, else resident in memory."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def memory_now() -> int:
    """Bytes held at this moment."""
    if torch.cuda.is_available():
        return int(torch.cuda.memory_allocated())
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return peak_memory()
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _cores() -> int:
    """Cores this process may use: the affinity mask, cut by the cgroup's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.exists():
        most, period = quota.read_text().split()[:2]
        if most != "max":
            cores = min(cores, max(1, int(most) // int(period)))
    return cores


def _memory_limit() -> int:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text().strip()) != "max":
        total = min(total, int(text))
    return total


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "CPU"


def _matmul_rate(device: torch.device, dtype: torch.dtype, side: int) -> float:
    """Floating-point operations per second of a square product: the best of five."""
    a = torch.randn(side, side, device=device).to(dtype)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        (a @ a).sum().item()
        best = min(best, time.perf_counter() - began)
    return 2 * side**3 / best
