"""Several processes that train one run together, each on a GPU of its own; joining.py starts them and brings them together.

Every rank carries out the same stages. What is not training is done by the first rank; the others then do the same and
find it stored, as a resumed attempt does: each of them works in `ranks/<rank>/` of the run folder with the run itself as its
earlier attempt. So only the first rank writes events, checkpoints, results and artifacts. In training every rank makes the
rows of a step, reads its share of them, and the gradients are added up once a step. Decisions (stop, memory ran out,
a step that is not finite) are functions of numbers that all ranks have in common.

Weights that are shared out (sharding.py) need every rank whenever a block of them is read. In lockstep all ranks run the
same forwards. What the first rank does by itself, the others serve: while they wait, they carry out its orders.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from .checkpoint import failpoint
from .errors import Transient
from .rows import Example

FOLDER = "ranks"
GO_ON = (-1, -1)  # the order that ends a wait

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

    @property
    def sharing(self) -> bool:
        """Whether weights are shared out over several ranks."""
        return self.size > 1 and _orders.obey is not None

    def share(self, rows: Sequence[Example]) -> list[int]:
        """Indices of the rows that this rank reads."""
        return list(range(len(rows))) if self.size == 1 else shares(rows, self.size)[self.rank]

    def any(self, flag: bool) -> bool:
        """Whether it is so on any rank."""
        if self.size == 1:
            return flag
        told = torch.tensor([int(flag)])
        with self.in_words():
            dist.all_reduce(told, dist.ReduceOp.MAX, self.groups[0])
        return bool(told.item())

    def agree(self, step: int, rows: Sequence[Example]) -> None:
        """Raises Transient when the ranks hold different rows for a step: their gradients would be of different things."""
        if self.size == 1:
            return
        failpoint(f"rank_{self.rank}_step")
        number = zlib.crc32(repr([(e.row_id, e.ids.tobytes(), e.start) for e in rows]).encode(), step)
        both = torch.tensor([number, -number])
        with self.in_words():
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
        with self.in_words():
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
        with self.in_words():
            dist.broadcast(flat, 0, self.groups[1])
        for tensor, told in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(told.view_as(tensor))

    def first(self, make: Callable[[], Made]) -> Made:
        """What the first rank makes, told to all."""
        made: list[Any] = [make() if self.leader else None]
        self.wait()
        if self.size > 1:
            with self.in_words():
                dist.broadcast_object_list(made, 0, self.groups[0])
        answer: Made = made[0]
        return answer

    def dealt(self, items: Sequence[Item], make: Callable[[Sequence[Item]], list[Made]]) -> list[Made]:
        """`make` of all items in order, each rank doing its part of them; the first rank all of them where weights are
        shared out, for parts are seldom of one length."""
        if self.size == 1:
            return make(items)
        if self.sharing:
            return self.first(lambda: make(items))
        parts: list[Any] = [None] * self.size
        mine = make(items[self.rank :: self.size])
        with self.in_words():
            dist.all_gather_object(parts, mine, self.groups[0])
        return [parts[i % self.size][i // self.size] for i in range(len(items))]

    def most(self, number: int) -> int:
        """The largest of every rank's number."""
        if self.size == 1:
            return number
        told = torch.tensor([number])
        with self.in_words():
            dist.all_reduce(told, dist.ReduceOp.MAX, self.groups[0])
        return int(told.item())

    def led(self, work: Callable[[], object]) -> None:
        """The first rank's work, by itself; the others serve until it is done."""
        with out_of_step():
            try:
                if self.leader:
                    work()
            finally:
                self.wait()

    def wait(self) -> None:
        """The others, until the first rank is here too; meanwhile they carry out its orders."""
        if self.size == 1:
            return
        if self.leader:
            self.order(GO_ON)
            return
        while (told := self._ordered()) != GO_ON:
            assert _orders.obey is not None
            _orders.obey(*told)

    def order(self, told: tuple[int, int]) -> None:
        """The first rank, to those that wait: gather block told[1] of model told[0] with me, or go on."""
        with self.in_words():
            dist.broadcast(torch.tensor(told), 0, self.groups[0])

    def _ordered(self) -> tuple[int, int]:
        told = torch.zeros(2, dtype=torch.int64)
        with self.in_words():
            dist.broadcast(told, 0, self.groups[0])
        model, block = told.tolist()
        return model, block

    @contextmanager
    def in_words(self) -> Iterator[None]:
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


@dataclass
class _Orders:
    """`obey` carries out the first rank's orders: set where weights are shared out. lockstep: all ranks run one forward."""

    obey: Callable[[int, int], None] | None = None
    lockstep: bool = False


_orders = _Orders()


def obey(carry_out: Callable[[int, int], None] | None) -> None:
    """What a rank that waits does when it is told to gather (model, block); None: no weights are shared out."""
    _orders.obey = carry_out


def in_lockstep() -> bool:
    return _orders.lockstep


@contextmanager
def lockstep(on: bool = True) -> Iterator[None]:
    """Inside, every rank runs the same forwards and backwards in the same order."""
    before, _orders.lockstep = _orders.lockstep, on
    try:
        yield
    finally:
        _orders.lockstep = before


def out_of_step() -> AbstractContextManager[None]:
    """Inside, the first rank works by itself."""
    return lockstep(False)


_here = [Ranks()]


@contextmanager
def standing(ranks: Ranks) -> Iterator[Ranks]:
    """This process is one of these ranks inside the block."""
    _here.append(ranks)
    try:
        yield ranks
    finally:
        _here.pop()


def here() -> Ranks:
    """This process among the ranks of its run; alone in a run of one process, and inside `turns`."""
    return _here[-1]


@contextmanager
def turns() -> Iterator[None]:
    """The body is carried out by the first rank, then by the others, which find what it stored. Inside, each is by itself."""
    ranks = here()
    if not ranks.leader:
        ranks.wait()
    with standing(Ranks(ranks.rank, run=ranks.run)), out_of_step():
        yield
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
