"""The learner as its own teacher: its base with the adapter off, or its adapter as it was, without a second copy in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from ..batches import Micro
from ..rows import Example
from .base import Side
from .local import LocalTeacher


class BaseTeacher:
    """The untouched base: the adapter is switched off for the teacher's forward alone."""

    def __init__(self, model: Any, vocab: int | None = None) -> None:
        self.model, self.vocab = model, vocab

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        with quiet(self.model), self.model.disable_adapter():
            return _as_it_is(self.model, self.vocab).side(micro, group, captures, step)


class AdapterTeacher:
    """The learner with other adapter weights: a moving average of its own, or those an earlier stage ended with.

    `tensors` is asked at every micro-batch, so a moving average is always the present one.
    """

    def __init__(self, model: Any, tensors: Callable[[], Mapping[str, torch.Tensor]], vocab: int | None = None) -> None:
        self.model, self.tensors, self.vocab = model, tensors, vocab

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        with quiet(self.model), borrowed(self.model, self.tensors()):
            return _as_it_is(self.model, self.vocab).side(micro, group, captures, step)


def _as_it_is(model: Any, vocab: int | None) -> LocalTeacher:
    """The model as a teacher. Its logits are made after the block has ended, so the adapted parts of the output layer are
    held fast as they are now."""
    teacher = LocalTeacher(model, vocab)
    head = teacher.head
    low = head.low_rank
    fast = None if low is None else replace(low, down=low.down.detach(), up=low.up.detach(), dropout=None)
    teacher.head = replace(head, weight=head.weight.detach(), low_rank=fast)
    return teacher


@contextmanager
def borrowed(model: Any, tensors: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """The named parameters hold other values inside the block; the learner's own come back untouched."""
    named = dict(model.named_parameters())
    own = {name: named[name].data for name in tensors}
    try:
        for name, value in tensors.items():
            named[name].data = value.to(device=own[name].device, dtype=own[name].dtype)
        yield
    finally:
        for name, value in own.items():
            named[name].data = value


@contextmanager
def quiet(model: Any) -> Iterator[None]:
    """Dropout off for a teacher's forward or for writing answers; every module's own mode is put back, so the student goes on as it was."""
    modes = [(m, m.training) for m in model.modules() if m.training]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, mode in modes:
            module.training = mode
