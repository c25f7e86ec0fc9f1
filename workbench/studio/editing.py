"""Stages spelled out, and the lists of a recipe: an item added, taken away or moved."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from jobs.distill import recipe as recipes
from jobs.distill.catalog import expand
from jobs.distill.catalog.tables import KINDS

from . import paths, queries

LONGEST_LIST = 50
NEW_STAGES: dict[str, dict[str, Any]] = {
    "train": {"epochs": 1, "terms": [{"type": "cross-entropy"}]},
    "select": {"method": next(iter(KINDS["selection"]), "")},
}


def spell_out(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The draft with the method's stages, shape and adapter in place of its name.

    Works for a draft without models and rows as well. Raises RecipeInvalid where options or training fields do not fit.
    """
    data = deepcopy(queries.complete(fields))
    known = {k: data[k] for k in ("method", "options", "train", "evaluation", "stages") if k in data}
    student = {**(data["student"] if isinstance(data.get("student"), dict) else {})}
    found = recipes.to_dict(expand(recipes.parse({**known, "student": {"model": "unknown", **student}, "data": {}})))
    out = {k: v for k, v in data.items() if k not in ("method", "options", "train")}
    for part in ("shape", "adapter"):
        if part in found["student"]:
            student[part] = found["student"][part]
    return {**out, "stages": found["stages"], **({"student": student} if student else {})}


def edit(fields: Mapping[str, Any], what: str, names: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """The fields after one press of a button, and the path to show.

    `what` is `add:stages:train`, `remove:stages.1`, `up:stages.1`, `down:stages.1`, or `put:stages.0.terms.0.schedule`, whose
    name stands in `names` under `<path>:name`. Anything else changes nothing.
    """
    out = deepcopy(dict(fields))
    verb, _, rest = what[:300].partition(":")
    path, _, kind = rest.partition(":")
    if verb == "add":
        return out, _add(out, path, kind)
    if verb == "put":
        name = names.get(f"{path}:name", "")
        if name.isidentifier():
            paths.put(out, f"{path}.{name}", {})
        return out, f"{path}.{name}"
    if verb in ("remove", "up", "down"):
        return out, _change(out, verb, path)
    return out, ""


def _add(out: dict[str, Any], path: str, kind: str) -> str:
    there = paths.get(out, path)
    items = there if isinstance(there, list) else [{}] if path.endswith(".members") else []
    if len(items) < LONGEST_LIST:
        paths.put(out, path, [*items, _new(out, kind, len(items))])
    return f"{path}.{len(items)}"


def _new(out: Mapping[str, Any], kind: str, count: int) -> dict[str, Any]:
    """What an item starts with, so that it means something at once."""
    if kind == "Term":
        return {"type": "cross-entropy"}
    if kind == "Teacher":
        return {"id": f"teacher-{count + 2}"}
    if kind == "merge":
        stages = out.get("stages")
        trained = [s.get("name", "train") for s in stages or [] if isinstance(s, dict) and s.get("kind") == "train"]
        return {"kind": "merge", "parents": list(dict.fromkeys(trained))}
    if kind in ("train", "generate", "record", "select"):
        return {"kind": kind, **deepcopy(NEW_STAGES.get(kind, {}))}
    return {}


def _change(out: dict[str, Any], verb: str, path: str) -> str:
    parent, _, last = path.rpartition(".")
    items = paths.get(out, parent)
    if isinstance(items, dict) and verb == "remove":
        items.pop(last, None)
        if not items:
            paths.drop_inside(out, parent)
        return parent
    if not isinstance(items, list) or not last.isdigit() or int(last) >= len(items):
        return parent
    i = int(last)
    if verb == "remove":
        del items[i]
        if not items:
            paths.drop_inside(out, parent)
        return parent
    j = i - 1 if verb == "up" else i + 1
    if 0 <= j < len(items):
        items[i], items[j] = items[j], items[i]
        return f"{parent}.{j}"
    return path
