"""What of a row becomes its answer, and how it is written: a cell, several cells as one JSON object, steps before a result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .strict_json import Number

FIELD = "field:"  # role of a column that is one value of the answer's JSON object: field:NAME


def answer_column(roles: Mapping[str, str]) -> str | None:
    """The column of answers; a label is an answer that is one of a few."""
    return roles.get("label") or roles.get("assistant")


def fields_of(roles: Mapping[str, str]) -> dict[str, str]:
    """{name in the JSON object: column}, in the order of the roles."""
    return {role.removeprefix(FIELD): column for role, column in roles.items() if role.startswith(FIELD)}


def fields_json(values: Mapping[str, Any], fields: Mapping[str, str]) -> str:
    """One JSON object with every field, null where the file has none; '' where it has none of them."""
    found = {name: values.get(column) for name, column in fields.items()}
    if all(v is None or v == "" for v in found.values()):
        return ""
    return as_json({name: None if v == "" else v for name, v in found.items()})


def as_json(value: Any) -> str:
    """JSON in one line; numbers as they were written in the file."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{json.dumps(str(k), ensure_ascii=False)}: {as_json(v)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(as_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def reasoned(rationale: str, answer: str) -> str:
    """The steps, and the result in a paragraph of its own; the result alone where there are no steps."""
    return f"{rationale.strip()}\n\n{answer}" if rationale.strip() else answer


def verdict(value: Any) -> bool | None:
    """True or false of a cell that says whether an answer is good; None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None
