"""Kinds of teachers, by id."""

from __future__ import annotations

from ...parts import Described

TEACHERS: dict[str, type[Described]] = {}
