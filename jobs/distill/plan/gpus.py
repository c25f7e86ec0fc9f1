"""Common devices to plan for before one has them: memory and arithmetic from the makers' data sheets.

`peak` is the dense tensor-core rate in the format that training would use here (bfloat16, or float32 where a GPU has none),
in operations a second. A measured matmul reaches about three quarters of it, which is what DeviceFacts asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

from .facts import DeviceFacts

REACHED = 0.75
GIB = 2**30


@dataclass(frozen=True)
class Gpu:
    id: str
    name: str
    memory: float  # GiB that programs can use
    peak: float
    bfloat16: bool = True

    @property
    def facts(self) -> DeviceFacts:
        return DeviceFacts(
            kind="cuda",
            name=self.name,
            memory_bytes=int(self.memory * GIB),
            cores=8,
            bfloat16=self.bfloat16,
            flops=self.peak * REACHED,
        )


GPUS: tuple[Gpu, ...] = (
    Gpu("t4", "NVIDIA T4, 16 GB", 14.7, 8.1e12, bfloat16=False),
    Gpu("rtx-3090", "GeForce RTX 3090, 24 GB", 23.6, 71e12),
    Gpu("rtx-4090", "GeForce RTX 4090, 24 GB", 23.5, 165e12),
    Gpu("a10", "NVIDIA A10, 24 GB", 22.5, 125e12),
    Gpu("l4", "NVIDIA L4, 24 GB", 22.0, 121e12),
    Gpu("l40s", "NVIDIA L40S, 48 GB", 44.4, 362e12),
    Gpu("a100-40", "NVIDIA A100, 40 GB", 39.4, 312e12),
    Gpu("a100-80", "NVIDIA A100, 80 GB", 79.2, 312e12),
    Gpu("h100-80", "NVIDIA H100 SXM, 80 GB", 79.2, 989e12),
    Gpu("h200", "NVIDIA H200, 141 GB", 139.8, 989e12),
)
BY_ID = {gpu.id: gpu for gpu in GPUS}
