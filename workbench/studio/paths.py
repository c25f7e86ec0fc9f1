"""Dotted paths into the plain data of a recipe: `student.adapter.rank`, `stages.0.terms.1.weight`."""

from __future__ import annotations

from typing import Any


def get(data: Any, path: str) -> Any:
    """The value at `path`, or None where any step is missing."""
    for key in path.split("."):
        if isinstance(data, list) and key.isdigit() and int(key) < len(data):
            data = data[int(key)]
        elif isinstance(data, dict) and key in data:
            data = data[key]
        else:
            return None
    return data


def put(data: dict[str, Any], path: str, value: Any) -> None:
    """Sets `path`, making the mappings on the way; a mapping that is in the way of a plain value is replaced.

    A path through a place that its list does not have sets nothing.
    """
    *parents, last = path.split(".")
    here: Any = data
    for key in parents:
        if isinstance(here, list):
            if not key.isdigit() or int(key) >= len(here) or not isinstance(here[int(key)], dict | list):
                return
            here = here[int(key)]
            continue
        if not isinstance(here.get(key), dict | list):
            here[key] = {}
        here = here[key]
    if isinstance(here, list):
        if last.isdigit() and int(last) < len(here):
            here[int(last)] = value
    else:
        here[last] = value


def drop(data: dict[str, Any], path: str) -> None:
    """Removes `path`, and the mappings that are empty afterwards."""
    head, _, rest = path.partition(".")
    if not rest:
        data.pop(head, None)
    elif isinstance(data.get(head), dict):
        drop(data[head], rest)
        if not data[head]:
            del data[head]


def drop_inside(data: dict[str, Any], path: str) -> None:
    """Removes the key at `path`, which may lie inside a list; what is around it stays, even when empty."""
    parent, _, last = path.rpartition(".")
    here = get(data, parent) if parent else data
    if isinstance(here, dict):
        here.pop(last, None)
