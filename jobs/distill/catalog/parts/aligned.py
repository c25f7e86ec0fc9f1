"""Terms between models of different tokenizers, by id."""

from __future__ import annotations

from ...objectives.base import Part

ALIGNED: dict[str, type[Part]] = {}
