"""Ways to merge adapters, by id."""

from __future__ import annotations

from ...parts import Described

MERGES: dict[str, type[Described]] = {}
