"""Policy-gradient terms on the student's own answers, by id."""

from __future__ import annotations

from ...objectives.base import Part

POLICY: dict[str, type[Part]] = {}
