"""Terms over preference pairs and ranked lists, by id."""

from __future__ import annotations

from ...objectives.base import Part

PREFERENCE: dict[str, type[Part]] = {}
