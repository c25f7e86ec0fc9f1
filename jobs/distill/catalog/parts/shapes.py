"""Shapes of the student, by id."""

from __future__ import annotations

from ...parts import Described

SHAPES: dict[str, type[Described]] = {}
