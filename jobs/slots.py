"""Where a run may work on this machine: one slot a GPU, or one for the processor; and shares of it for short work."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import re
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings
from django.db.models.functions import Now

from workbench.runs.models import Queue, Slot

DEVICE_SECONDS = 120


@dataclass(frozen=True)
class Place:
    """A slot of this machine as the table will know it; `env` shows an engine its device and no other."""

    name: str
    queue: str
    device: dict[str, Any]
    env: dict[str, str] = field(default_factory=dict)


def places(queue: str) -> list[Place]:
    """The slots this machine offers to a queue."""
    device = device_facts()
    if queue == Queue.CPU:
        processor = (
            {**device, "kind": "cpu", "name": device.get("processor", "CPU"), "count": 1}
            if device["kind"] != "cpu"
            else device
        )
        return [
            Place(f"cpu-{n}", queue, processor, {"CUDA_VISIBLE_DEVICES": ""}) for n in range(1, settings.CPU_SLOTS + 1)
        ]
    if device["kind"] == "cpu":
        return [Place("cpu-0", queue, device)]
    return [Place(f"gpu-{uuid}", queue, {**device, "count": 1}, {"CUDA_VISIBLE_DEVICES": uuid}) for uuid in gpu_uuids()]


@functools.cache
def device_facts() -> dict[str, Any]:
    """DeviceFacts, measured by a child because measuring needs torch; cores and memory alone when the engine is absent."""
    command = [*settings.ENGINE, "device", "--json"]
    env = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "LANG", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
    }
    try:
        done = subprocess.run(
            command, cwd=settings.BASE_DIR, env=env, capture_output=True, text=True, timeout=DEVICE_SECONDS
        )
        found = json.loads(done.stdout.strip().splitlines()[-1])
        if isinstance(found, dict) and "kind" in found:
            return found
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        pass
    return {
        "kind": "cpu",
        "name": "CPU",
        "count": 1,
        "memory_bytes": psutil.virtual_memory().total,
        "cores": psutil.cpu_count() or 1,
        "bfloat16": False,
        "flops": 2e10,
    }


def gpu_uuids() -> list[str]:
    """GPUs this process may use, by the name that does not change with their order."""
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ["0"]
    uuids = re.findall(r"UUID: (GPU-[0-9a-f-]+)", done.stdout)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return uuids or ["0"]
    wanted = [v.strip() for v in visible.split(",") if v.strip()]
    return [uuids[int(v)] if v.isdigit() and int(v) < len(uuids) else v for v in wanted]


def host() -> str:
    return os.environ.get("WB_HOST") or socket.gethostname()


def register(place: Place) -> Slot:
    """Writes the slot into the table, or renews it. `draining` is the operators' and stays."""
    slot, _ = Slot.objects.update_or_create(
        host=host(), name=place.name, defaults={"queue": place.queue, "device": place.device, "last_seen": Now()}
    )
    return slot


def seen(slot_id: int) -> None:
    """Says that the slot's agent lives."""
    Slot.objects.filter(pk=slot_id).update(last_seen=Now())


def lock(place: Place) -> int | None:
    """A descriptor that holds the slot on this machine, or None while another process has it.

    The engine inherits it, so the lock of a dead agent is free only when its whole process tree is gone. GPUs are
    locked for the machine, processor slots for the data folder.
    """
    folder = Path("/tmp/workbench-locks") if place.name.startswith("gpu-") else Path(settings.DATA_DIR) / "locks"  # noqa: S108 - a lock, no data
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / f"{host()}-{place.name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd
