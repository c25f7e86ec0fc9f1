"""What every teacher gives the training loop for one micro-batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from ..batches import Micro
from ..head import DenseTeacher, RecordedTeacher
from ..output_layer import Head
from ..rows import Example


@dataclass(frozen=True)
class Side:
    """The teacher's side of a micro-batch; no tensor of it carries gradient.

    vocabulary: what the head pass reads, position by position. states: captures asked for, see objectives/states.py.
    hidden [N, H_T] and head: for terms that read both output layers at once. extras: what a kind of teacher gives to the
    terms made for it (spans of another tokenizer, for one), by name.
    """

    vocabulary: DenseTeacher | RecordedTeacher | Any | None = None
    states: Mapping[str, Tensor] = field(default_factory=dict)
    hidden: Tensor | None = None
    head: Head | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)


class Teacher(Protocol):
    """Local, recorded, the learner itself, or several."""

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        """`group` are the rows of the micro-batch in order; `captures` the states that terms will read; `step` counts from 0."""
        ...
