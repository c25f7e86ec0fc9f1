"""Sources of rows, by id."""

from __future__ import annotations

from ...parts import Described

SOURCES: dict[str, type[Described]] = {}
