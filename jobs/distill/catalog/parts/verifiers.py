"""Verifiers of rows, by id. Light: no torch."""

from __future__ import annotations

from ...parts import Described
from ...verifiers.base import Verifier

VERIFYING: dict[str, type[Verifier]] = {}

VERIFIERS: dict[str, type[Described]] = dict(VERIFYING)
