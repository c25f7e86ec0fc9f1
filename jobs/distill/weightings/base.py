"""What a token weight looks like. Light: no torch at import."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..parts import Described

if TYPE_CHECKING:
    from torch import Tensor

    from ..objectives.view import View


class Weighting(Described, ABC):
    """Subclasses write `value`; `needs` holds the same words as an objective's."""

    kind: ClassVar[str] = "weighting"
    needs: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def value(self, view: View, options: Any) -> Tensor:
        """Weight of each position, [n], from 0 to 1."""


@dataclass(frozen=True)
class Bound:
    """A token weight with its options, ready for the head."""

    part: Weighting
    options: Any

    @property
    def needs_teacher(self) -> bool:
        return "teacher" in self.part.needs

    def of(self, view: View) -> Tensor:
        """[n], detached."""
        return self.part.value(view, self.options).detach()
