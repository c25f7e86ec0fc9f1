"""Kinds of adapters, by id."""

from __future__ import annotations

from ...parts import Described

ADAPTERS: dict[str, type[Described]] = {}
