"""How the ranks of a run are started and brought together: torchrun's, those WB_RANKS asks for, one for each GPU."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from .errors import RecipeInvalid, Transient
from .ranks import FOLDER, Ranks, standing

TURN_SECONDS = 24 * 3600  # what the first rank may do alone: answers of a large teacher
STEP_SECONDS = 1800  # between two sums of gradients
GOODBYE_SECONDS = 30


def wanted() -> int:
    """How many ranks a run is to have: torchrun's, those WB_RANKS asks for, else one for each GPU that can be seen.

    Raises RecipeInvalid when WB_RANKS is no number from 1 up.
    """
    asked = os.environ.get("WORLD_SIZE") if "RANK" in os.environ else os.environ.get("WB_RANKS")
    if not asked:
        return max(1, torch.cuda.device_count())
    if not asked.isdecimal() or int(asked) < 1:
        raise RecipeInvalid(
            f"WB_RANKS is {asked!r}, which is no number of processes.", field="WB_RANKS", hint="Give 1, 2, 3 ..."
        )
    return int(asked)


def in_ranks(folder: Path, work: Callable[[Path, bool], int]) -> int:
    """Carries out `work(folder of this rank, whether it is the first)` in every rank; returns this process's exit code."""
    size = wanted()
    if size == 1:
        return work(folder, True)
    if "RANK" in os.environ:  # torchrun, or a rank started below
        return _member(folder, int(os.environ["RANK"]), size, os.environ.get("WB_RENDEZVOUS", "env://"), work)
    meeting = Path(tempfile.mkdtemp(prefix="distill-ranks-"))
    where = f"file://{meeting / 'meeting'}"
    others = [_start(folder, rank, size, where, work) for rank in range(1, size)]
    code = 1
    try:
        code = _member(folder, 0, size, where, work)
    finally:
        _end(others, patient=code in (0, 3))
        shutil.rmtree(meeting, ignore_errors=True)
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
    return code


def _member(folder: Path, rank: int, size: int, where: str, work: Callable[[Path, bool], int]) -> int:
    joined = _join(folder, rank, size, where)
    try:
        with standing(joined):
            return work(folder if rank == 0 else _own_folder(folder, rank), rank == 0)
    finally:
        dist.destroy_process_group()


def _join(folder: Path, rank: int, size: int, where: str) -> Ranks:
    """Meets the other ranks. Raises Transient when they do not come."""
    if where.startswith("file://"):  # all on this machine
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    local = int(os.environ.get("LOCAL_RANK", rank))
    gpus = torch.cuda.device_count()
    own_gpu = gpus >= int(os.environ.get("LOCAL_WORLD_SIZE", size))
    if gpus:
        torch.cuda.set_device(local % gpus)
    try:
        dist.init_process_group(
            "gloo", init_method=where, rank=rank, world_size=size, timeout=timedelta(seconds=TURN_SECONDS)
        )
        sums = dist.new_group(backend="nccl" if gpus and own_gpu else "gloo", timeout=timedelta(seconds=STEP_SECONDS))
        if rank == 0:
            shutil.rmtree(folder / FOLDER, ignore_errors=True)
        dist.barrier()
    except RuntimeError as e:
        raise Transient(
            f"The {size} ranks could not be brought together: {str(e).splitlines()[0][:200]}", code="RANK_LOST"
        ) from e
    return Ranks(rank, size, folder, (None, sums))


def _own_folder(run: Path, rank: int) -> Path:
    """A folder for what another rank would write, with the run as the attempt it resumes."""
    own = run / FOLDER / str(rank)
    own.mkdir(parents=True)
    (run / "signals").mkdir(exist_ok=True)  # so that signals recorded later are looked for
    for name in ("recipe.yaml", "plan.json", "models.json", "data"):
        if (run / name).exists():
            (own / name).symlink_to((run / name).resolve())
    earlier = [str(run), *filter(None, os.environ.get("WB_RESUME_FROM", "").split(os.pathsep))]
    os.environ["WB_RESUME_FROM"] = os.pathsep.join(earlier)
    os.environ.pop("WB_BEACON_FD", None)  # the supervisor hears the first rank
    return own


def _start(folder: Path, rank: int, size: int, where: str, work: Callable[[Path, bool], int]) -> int:
    """Starts another rank, returns its process id. A fork costs nothing but cannot follow a process that has used CUDA."""
    told = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size), "WB_RENDEZVOUS": where}
    if torch.cuda.is_available():
        command = [sys.executable, "-m", "jobs.distill", "distill", str(folder)]
        return subprocess.Popen(command, env={**os.environ, **told}, stdout=subprocess.DEVNULL).pid
    if pid := os.fork():
        return pid
    os.environ.update(told)
    code = 1
    try:
        code = _member(folder, rank, size, where, work)
    finally:
        os._exit(code)


def _end(others: Sequence[int], patient: bool) -> None:
    """Waits for the other ranks; those that do not end by themselves are ended."""
    until = time.monotonic() + (GOODBYE_SECONDS if patient else 2)
    left = set(others)
    while left:
        for pid in list(left):
            if os.waitpid(pid, os.WNOHANG)[0]:
                left.discard(pid)
            elif time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
