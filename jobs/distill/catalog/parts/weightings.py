"""Token weights, by id."""

from __future__ import annotations

from ...parts import Described

WEIGHTINGS: dict[str, type[Described]] = {}
