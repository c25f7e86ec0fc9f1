"""Selections of rows, by id."""

from __future__ import annotations

from ...parts import Described

SELECTIONS: dict[str, type[Described]] = {}
