"""What a rule may say: a refusal (the run cannot start) or a warning (it can), each with the field and, where one click
repairs it, the fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .result import Fix, Problem


@dataclass(frozen=True)
class Finding:
    refusal: bool
    problem: Problem


def refuse(code: str, field: str | None, message: str, fix: Fix | None = None) -> Finding:
    return Finding(True, Problem(code=code, field=field, message=message, fix=fix))


def warn(code: str, field: str | None, message: str, fix: Fix | None = None) -> Finding:
    return Finding(False, Problem(code=code, field=field, message=message, fix=fix))


def fix(label: str, field: str, value: Any) -> Fix:
    return Fix(label=label, field=field, value=value)
