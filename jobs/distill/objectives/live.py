"""A teacher that runs, beside one chunk of rows: its logits are made once and handed out block by block."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from torch import Tensor

from .joint import JointTeacher
from .scratch import Scratch

if TYPE_CHECKING:
    from .view import DenseTeacher


@dataclass(frozen=True)
class LiveTeacher:
    """Nothing is projected before a term asks. `rows` of the chunk are this block's; `made` is shared by all blocks."""

    teacher: DenseTeacher | JointTeacher
    vocab: int
    scratch: Scratch
    rows: slice = field(default_factory=lambda: slice(None))
    made: dict[float, Tensor] = field(default_factory=dict)

    @property
    def by_temperature(self) -> bool:
        return self.teacher.by_temperature

    def chunk(self, rows: slice, vocab: int) -> LiveTeacher:
        return replace(self, rows=rows)

    def logits(self, vocab: int, scratch: Scratch | None = None, T: float = 1.0) -> Tensor:
        """[n, V] of this block's rows."""
        key = T if self.by_temperature else 1.0
        if key not in self.made:
            self.made[key] = self.teacher.logits(self.vocab, self.scratch, T)
        return self.made[key][self.rows]
