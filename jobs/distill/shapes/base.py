"""What every kind of shape is given and gives back. Light: no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ..parts import Described

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from ..models.families import Family
    from ..plan.shape import Size
    from .calibration import Batch
    from .tokens import Rebuilt


@dataclass
class Given:
    """A model to be shaped. Its module may be changed in place: nobody else holds it.

    batches: rows of the run as this model's token ids, at most as many as asked for; counts: how often each id stands in
    all of them; other: tensors of another model of the recipe by name.
    """

    folder: Path
    model: Any
    family: Family
    size: Size
    options: Any
    seed: int
    batches: Callable[[int], list[Batch]]
    counts: Callable[[], dict[int, int]]
    other: Callable[[str], dict[str, Tensor]]
    told: Callable[[str], None] = lambda text: None


@dataclass
class Shaped:
    """The new model: changes of config.json, every tensor by its name, what was measured (for the report), and the
    tokenizer's files where they change."""

    config: dict[str, Any]
    tensors: dict[str, Tensor]
    measured: dict[str, Any] = field(default_factory=dict)
    tokenizer: Rebuilt | None = None


class ShapeKind(Described, ABC):
    """One way to make a smaller student. Its options are the recipe's own fields."""

    kind: ClassVar[str] = "shape"
    reads_rows: ClassVar[bool] = True

    @abstractmethod
    def make(self, given: Given) -> Shaped: ...
