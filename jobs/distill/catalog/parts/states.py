"""Terms over hidden states, attention and whole batches, by id."""

from __future__ import annotations

from ...objectives.base import Part

STATES: dict[str, type[Part]] = {}
