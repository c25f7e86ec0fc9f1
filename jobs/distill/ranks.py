"""Several processes that train one run together, each on a GPU of its own: torchrun's ranks, or ranks started here.

Every rank carries out the same stages. What is not training is done by the first rank; the others then do the same and
find it stored, as a resumed attempt does: each of them works in `ranks/<rank>/` of the run folder with the run itself as its
earlier attempt. So only the first rank writes events, checkpoints, results and artifacts. In training every rank makes the
rows of a step, reads its share of them, and the gradients are added up once a step. Decisions (stop, memory ran out,
a step that is not finite) are functions of numbers that all ranks have in common.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from .checkpoint import failpoint
from .errors import RecipeInvalid, Transient
from .rows import Example

TURN_SECONDS = 24 * 3600  # what the first rank may do alone: answers of a large teacher
STEP_SECONDS = 1800  # between two sums of gradients
GOODBYE_SECONDS = 30
FOLDER = "ranks"

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Ranks:
    """This process among those of the run. Alone, every method is a plain local answer.

    `groups`: the control group (gloo) and the one that adds up gradients (nccl where each rank has a GPU, else gloo).
    All methods raise Transient, in words, when another rank is gone.
    """

    rank: int = 0
    size: int = 1
    run: Path | None = None  # the run folder, where another rank may have left its error
    groups: tuple[Any, Any] = field(default=(None, None), repr=False)

    @property
    def leader(self) -> bool:
        return self.rank == 0

    def share(self, rows: Sequence[Example]) -> list[int]:
        """Indices of the rows that this rank reads."""
        return list(range(len(rows))) if self.size == 1 else shares(rows, self.size)[self.rank]

    def any(self, flag: bool) -> bool:
        """Whether it is so on any rank."""
        if self.size == 1:
            return flag
        told = torch.tensor([int(flag)])
        with self._together():
            dist.all_reduce(told, dist.ReduceOp.MAX, self.groups[0])
        return bool(told.item())

    def agree(self, step: int, rows: Sequence[Example]) -> None:
        """Raises Transient when the ranks hold different rows for a step: their gradients would be of different things."""
        if self.size == 1:
            return
        failpoint(f"rank_{self.rank}_step")
        number = zlib.crc32(repr([(e.row_id, e.ids.tobytes(), e.start) for e in rows]).encode(), step)
        both = torch.tensor([number, -number])
        with self._together():
            dist.all_reduce(both, dist.ReduceOp.MAX, self.groups[0])
        if both[0] != -both[1]:
            raise Transient(
                f"The {self.size} ranks do not have the same rows for step {step + 1}.",
                code="RANKS_DIFFER",
                hint="Run on one GPU (WB_RANKS=1), or on GPUs of one kind.",
            )

    def add_up(self, parameters: Sequence[torch.nn.Parameter], values: Mapping[str, float]) -> dict[str, float]:
        """Sums the gradients in place, and `values`, over all ranks: one message a step. A gradient that no rank has stays None."""
        if self.size == 1:
            return dict(values)
        device = parameters[0].device
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        there = torch.tensor([float(p.grad is not None) for p in parameters], device=device)
        numbers = torch.tensor(list(values.values()), device=device)
        flat = torch.cat([*(g.flatten() for g in grads), there, numbers])
        with self._together():
            dist.all_reduce(flat, dist.ReduceOp.SUM, self.groups[1])
        *sums, there, numbers = flat.split([*(g.numel() for g in grads), len(there), len(numbers)])
        for p, total, held in zip(parameters, sums, there.tolist(), strict=True):
            p.grad = total.view_as(p).clone() if held else None
        return dict(zip(values, numbers.tolist(), strict=True))

    @torch.no_grad()
    def spread(self, tensors: Sequence[Tensor]) -> None:
        """The first rank's numbers, to all."""
        if self.size == 1:
            return
        flat = torch.cat([t.detach().flatten() for t in tensors])
        with self._together():
            dist.broadcast(flat, 0, self.groups[1])
        for tensor, told in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(told.view_as(tensor))

    def first(self, make: Callable[[], Made]) -> Made:
        """What the first rank makes, told to all."""
        made: list[Any] = [make() if self.leader else None]
        if self.size > 1:
            with self._together():
                dist.broadcast_object_list(made, 0, self.groups[0])
        answer: Made = made[0]
        return answer

    def dealt(self, items: Sequence[Item], make: Callable[[Sequence[Item]], list[Made]]) -> list[Made]:
        """`make` of all items in order, each rank doing its part of them."""
        if self.size == 1:
            return make(items)
        parts: list[Any] = [None] * self.size
        mine = make(items[self.rank :: self.size])
        with self._together():
            dist.all_gather_object(parts, mine, self.groups[0])
        return [parts[i % self.size][i // self.size] for i in range(len(items))]

    def wait(self) -> None:
        """Until every rank is here."""
        if self.size > 1:
            with self._together():
                dist.barrier(self.groups[0])

    @contextmanager
    def _together(self) -> Iterator[None]:
        """A message that cannot be sent or does not come, in words; with the other rank's error where it left one."""
        try:
            yield
        except RuntimeError as e:
            late = "imed out" in str(e) or "imeout" in str(e)
            why = "did not answer in time" if late else "ended in the middle of the run"
            raise Transient(
                f"One of the {self.size} ranks {why}: {self._left_behind() or str(e).splitlines()[0][:200]}",
                code="RANK_LOST",
                hint="The run goes on from its last checkpoint; WB_RANKS=1 keeps it in one process.",
            ) from e

    def _left_behind(self) -> str:
        """The error of a rank that ended with one; it may be written a moment after its connection is gone."""
        for _ in range(10):
            for file in sorted((self.run or Path(FOLDER)).glob(f"{FOLDER}/*/error.json")):
                error = json.loads(file.read_text(encoding="utf-8") or "{}")
                if error.get("code") not in (None, "RANK_LOST"):
                    return str(error["message"])
            time.sleep(0.05)
        return ""


_here = [Ranks()]


def here() -> Ranks:
    """This process among the ranks of its run; alone in a run of one process, and inside `turns`."""
    return _here[-1]


@contextmanager
def turns() -> Iterator[None]:
    """The body is carried out by the first rank, then by the others, which find what it stored. Inside, each is by itself."""
    ranks = here()
    if not ranks.leader:
        ranks.wait()
    _here.append(Ranks(ranks.rank, run=ranks.run))
    try:
        yield
    finally:
        _here.pop()
    if ranks.leader:
        ranks.wait()


def shares(rows: Sequence[Example], size: int) -> list[list[int]]:
    """Rows of each rank: whole groups, the longest first, each to the rank with the fewest tokens so far."""
    units: dict[str, list[int]] = {}
    for i, e in enumerate(rows):
        units.setdefault(e.group or f"\0{i}", []).append(i)
    tokens = {u: sum(len(rows[i].ids) for i in members) for u, members in units.items()}
    out: list[list[int]] = [[] for _ in range(size)]
    load = [0] * size
    for unit, members in sorted(units.items(), key=lambda item: (-tokens[item[0]], item[1])):
        least = min(range(size), key=lambda r: (load[r], r))
        out[least].extend(members)
        load[least] += tokens[unit]
    return [sorted(part) for part in out]


# -- starting and ending ------------------------------------------------------------------------------------------------


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
    _join(folder, rank, size, where)
    try:
        return work(folder if rank == 0 else _own_folder(folder, rank), rank == 0)
    finally:
        _here.pop()
        dist.destroy_process_group()


def _join(folder: Path, rank: int, size: int, where: str) -> None:
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
    _here.append(Ranks(rank, size, folder, (None, sums)))


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
