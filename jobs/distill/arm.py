"""One training and what it leaves: the arm, its progress, its outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from .batches import Limits
from .objectives.states import ModelShape
from .recipe import Curve, Train
from .sources.base import Source
from .step import Term
from .teachers.base import Teacher


class Stopped(Exception):
    """The run was asked to stop; a checkpoint has been written."""


class Watcher(Protocol):
    """Looks at a small frozen slice during training."""

    def look(self, step: int) -> Mapping[str, float]:
        """`score` (larger is better) and `loss` (nats a token) of the learner as it is; more numbers as they come."""
        ...


@dataclass
class Progress:
    """Everything of the loop that is not a tensor. Stored in the checkpoint's manifest."""

    step: int = 0
    tokens: int = 0  # supervised, so far
    seconds: float = 0.0
    halvings: int = 0  # how often memory ran out
    skipped: list[int] = field(default_factory=list)
    rolled_back: bool = False
    rate_scale: float = 1.0
    best: float | None = None  # score on the watched slice
    best_step: int = 0
    worse: int = 0  # evaluations since then
    watched: float | None = None  # loss of the last look
    reached: dict[str, float] = field(default_factory=dict)  # adaptive curves: where each stands

    def as_dict(self) -> dict[str, Any]:
        return {k: getattr(self, k) for k in self.__dataclass_fields__}


@dataclass
class Arm:
    """One training: the student's, the control's, an assistant's."""

    name: str
    phase: str
    stage: Train
    steps: int
    terms: list[Term]
    source: Source
    limits: Limits
    seed: int
    teacher: Teacher | None = None
    teacher_shape: ModelShape | None = None
    vocab: int | None = None  # rows of the output layer that stand for real tokens of both models
    curves: dict[str, Curve] = field(default_factory=dict)  # by "0.weight", "1.options.alpha", "source.share"
    moving: dict[str, Tensor] = field(default_factory=dict)  # the adapter's moving average, where a teacher reads it
    decay: float | None = None  # of that average; None: there is none
    watcher: Watcher | None = None
    on_step: Callable[[int], None] | None = None  # samples: told the number of finished steps
    stop: Callable[[], bool] = lambda: False
    reached: dict[str, float] = field(default_factory=dict)  # the loop's adaptive curves, for sources that read one
    losses: Callable[[Any], Any] | None = (
        None  # model -> what makes the loss, in the place of step.Losses: a label head
    )


@dataclass(frozen=True)
class Outcome:
    steps: int
    tokens: int
    seconds: float
    first_loss: float
    last_loss: float
    best_step: int | None = None
    stopped_early: bool = False
