"""An answer that was asked for as JSON by a schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def problem(schema: Mapping[str, Any], text: str) -> str | None:
    """Why the answer does not hold to the schema, in words; None where it does. The whole answer must be JSON."""
    from ..verifiers.json_schema import problem as problem_of
    from ..verifiers.structured import json_of

    try:
        return problem_of(json_of(text, fenced=False), schema)
    except ValueError as e:
        return str(e)
