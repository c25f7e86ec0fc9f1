"""Preference rules, by id. Light: no torch."""

from __future__ import annotations

from ...parts import Described
from ...preferring.base import Rule

PREFERRING: dict[str, type[Rule]] = {}

PREFERENCE_RULES: dict[str, type[Described]] = dict(PREFERRING)
