"""A teacher on a GPU of its own: the last rank holds it and answers the micro-batches that the others train on.

What travels is small: a micro-batch one way, the teacher's states at its supervised positions the other, [N, H_T]. The
teacher's output layer lives where the head pass runs, so logits are made there chunk by chunk as ever. A learner asks for
its next micro-batch before it works on the present one: both GPUs are busy at a time.
"""

from __future__ import annotations

import json
import queue
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from ..batches import Micro
from ..checkpoint import failpoint
from ..errors import Transient
from ..head import DenseTeacher
from ..objectives.states import ModelShape
from ..output_layer import Head
from ..ranks import Ranks, standing
from ..rows import Example
from .base import Side
from .local import LocalTeacher

META, DONE = "head", "done"
UNDER_WAY = 4  # messages to one rank: a learner asks for two micro-batches at most
_Message = tuple[int, dict[str, Any], dict[str, Tensor]]  # who sent it, what it says
TENSORS = tuple(f.name for f in fields(Micro) if "Tensor" in str(f.type))


@dataclass
class Apart:
    """This process where the last rank teaches and the others learn. learners: the others among themselves.

    local: the teacher of the stage at hand, on its rank. away: the same as the learners see it.
    """

    who: str
    ranks: Ranks
    learners: Ranks
    local: LocalTeacher | None = None
    shape: ModelShape | None = None
    away: AwayTeacher | None = None

    @property
    def teacher_rank(self) -> int:
        return self.ranks.size - 1

    @property
    def teaches(self) -> bool:
        return self.ranks.rank == self.teacher_rank

    def teach(self) -> None:
        """On the teacher's rank: answers until every learner has ended the stage; nothing where the stage has no teacher."""
        if self.local is not None and self.shape is not None:
            _Answering(self.local, self.shape, self.ranks).until_done(range(self.teacher_rank))
        self.local = self.shape = None

    @contextmanager
    def learning(self) -> Iterator[ModelShape | None]:
        """On a learner's rank, around a stage's training; gives the teacher's sizes where the stage has a teacher."""
        away, self.away = self.away, None
        with standing(self.learners):
            try:
                yield away.meet() if away else None
            finally:
                if away:
                    away.leave()


def set_apart(who: str, ranks: Ranks) -> Apart:
    """Takes the last rank out of training; called by all ranks at the same place."""
    others = list(range(ranks.size - 1))
    control = dist.new_group(others, backend="gloo")
    sums = dist.new_group(others, backend=dist.get_backend(ranks.groups[1]))
    if len(others) == 1:
        return Apart(who, ranks, Ranks(run=ranks.run))
    return Apart(who, ranks, Ranks(ranks.rank, len(others), ranks.run, (control, sums)))


class AwayTeacher:
    """The learners' side: any teacher of token or state terms, one message there and one back."""

    def __init__(self, apart: Apart, device: torch.device) -> None:
        self.rank, self.ranks, self.device = apart.teacher_rank, apart.ranks, device
        self.head: Head | None = None
        self._asked: deque[tuple[Any, ...]] = deque()  # in the order the answers will come
        self._sent = _Outbox(self.rank)

    def meet(self) -> ModelShape:
        """Fetches the teacher's output layer; returns its sizes."""
        self._send({"kind": META}, {})
        about, tensors = self._receive()
        if self.head is None:
            weight, bias = tensors["weight"], tensors.get("bias")
            self.head = Head(weight, bias, about["scale"], about["cap"], about["vocab"])
        return ModelShape(**about["shape"])

    def expect(self, micro: Micro, captures: frozenset[str], step: int) -> None:
        """Asks for it now, unless that was done already."""
        if _key(micro, captures, step) not in self._asked:
            self.ask(micro, captures, step)

    def ask(self, micro: Micro, captures: frozenset[str], step: int) -> None:
        """Lets the teacher begin with a micro-batch whose side will be wanted next."""
        about = {"kind": "side", "captures": sorted(captures), "which": micro.which, "origin": micro.origin}
        found = {name: getattr(micro, name) for name in TENSORS}
        self._send(about, {name: t for name, t in found.items() if t is not None})
        self._asked.append(_key(micro, captures, step))

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        assert self.head is not None
        key = _key(micro, captures, step)
        while (
            self._asked and self._asked[0] != key
        ):  # rows that were cut anew: what was asked for is not wanted any more
            self._forget()
        if not self._asked:
            self.ask(micro, captures, step)
        self._asked.popleft()
        _, tensors = self._receive()
        hidden = tensors.pop("hidden")
        return Side(DenseTeacher(hidden, self.head), tensors, hidden, self.head)

    def leave(self) -> None:
        """The stage is over; a teacher that is gone already is nobody's trouble here."""
        with suppress(Transient):
            while self._asked:
                self._forget()
            self._send({"kind": DONE}, {})
            with self.ranks.in_words():
                self._sent.empty()

    def _forget(self) -> None:
        self._asked.popleft()
        self._receive()

    def _send(self, about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        with self.ranks.in_words():
            self._sent.send(about, tensors)

    def _receive(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        with self.ranks.in_words():
            about, tensors = _received(self.rank)
        return about, {name: t.to(self.device) for name, t in tensors.items()}


class _Answering:
    """The teacher's rank during a stage. Messages are received beside the work, so that no learner waits for another one."""

    def __init__(self, teacher: LocalTeacher, shape: ModelShape, ranks: Ranks) -> None:
        self.teacher, self.shape, self.ranks = teacher, shape, ranks
        self.device = teacher.head.weight.device
        self._sent: dict[int, _Outbox] = {}

    def until_done(self, learners: Sequence[int]) -> None:
        came: queue.Queue[_Message | RuntimeError] = queue.Queue()
        for learner in learners:
            threading.Thread(target=_listen, args=(learner, came), daemon=True).start()
            self._sent[learner] = _Outbox(learner)
        left = len(learners)
        with self.ranks.in_words():
            while left:
                if isinstance(message := came.get(), RuntimeError):
                    raise message
                learner, about, tensors = message
                if about["kind"] == DONE:
                    left -= 1
                else:
                    self._answer(learner, about, {name: t.to(self.device) for name, t in tensors.items()})
            for outbox in self._sent.values():
                outbox.empty()

    def _answer(self, learner: int, about: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        if about["kind"] == META:
            head = self.teacher.head
            parts = {"weight": head.weight} if head.bias is None else {"weight": head.weight, "bias": head.bias}
            told = {"scale": head.scale, "cap": head.cap, "vocab": head.vocab, "shape": asdict(self.shape)}
            self._sent[learner].send(told, parts)
            return
        failpoint("away_answer")
        micro = Micro(which=about["which"], origin=about["origin"], **tensors)
        side = self.teacher.side(micro, (), frozenset(about["captures"]))
        assert side.hidden is not None
        self._sent[learner].send({}, {"hidden": side.hidden, **side.states})


def _listen(learner: int, came: queue.Queue[_Message | RuntimeError]) -> None:
    """Hands on what a learner sends, its last message included; a broken connection as the error it is."""
    try:
        while True:
            about, tensors = _received(learner)
            came.put((learner, about, tensors))
            if about["kind"] == DONE:
                return
    except RuntimeError as e:
        came.put(e)


class _Outbox:
    """Messages on their way to a rank: their tensors must live until they have arrived."""

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.under_way: deque[list[tuple[Any, Tensor]]] = deque()

    def send(self, about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Returns at once; one that was sent long ago has been received, for the other side asks for a few at most."""
        plain = {name: t.detach().to("cpu").contiguous() for name, t in tensors.items()}
        kinds = [(name, list(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in plain.items()]
        told = bytearray(json.dumps([about, kinds]).encode())
        parts = [torch.tensor([len(told)]), torch.frombuffer(told, dtype=torch.uint8)]
        parts += [t.reshape(-1).view(torch.uint8) for t in plain.values() if t.numel()]
        self.under_way.append([(dist.isend(part, self.rank), part) for part in parts])
        if len(self.under_way) > UNDER_WAY:
            self._arrived()

    def empty(self) -> None:
        while self.under_way:
            self._arrived()

    def _arrived(self) -> None:
        for work, _ in self.under_way.popleft():
            work.wait()


def _received(rank: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The next message of a rank: what it says, and its tensors in the machine's memory."""
    size = torch.zeros(1, dtype=torch.int64)
    dist.recv(size, rank)
    told = torch.empty(int(size), dtype=torch.uint8)
    dist.recv(told, rank)
    about, kinds = json.loads(told.numpy().tobytes())
    tensors = {}
    for name, shape, kind in kinds:
        tensor = torch.empty(shape, dtype=getattr(torch, kind))
        if tensor.numel():
            dist.recv(tensor.reshape(-1).view(torch.uint8), rank)
        tensors[name] = tensor
    return about, tensors


def _key(micro: Micro, captures: frozenset[str], step: int) -> tuple[Any, ...]:
    return step, tuple(micro.which), tuple(micro.input_ids.shape), captures
