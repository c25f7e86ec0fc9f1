"""Sources of rows, by id."""

from __future__ import annotations

from ...parts import Described
from ...sources.parts import FixedSource, MixedSource, StudentSource

SOURCES: dict[str, type[Described]] = {
    "fixed": FixedSource,
    "student": StudentSource,
    "mixed": MixedSource,
}
