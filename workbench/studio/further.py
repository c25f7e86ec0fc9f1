"""Further teachers that a method asks for by name, picked on its card: `further:second` in a post, `teachers` in a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.distill.catalog import System

from .forms import plain_text
from .methods import further_teachers

PREFIX = "further:"


def wanted(system: System | None, fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names the method asks for, each with the model that is chosen for it."""
    chosen = models(fields)
    return [(name, chosen.get(name, "")) for name in further_teachers(system)] if system else []


def models(fields: Mapping[str, Any]) -> dict[str, str]:
    """name -> model of the further teachers written so far."""
    listed = fields.get("teachers")
    whole = [t for t in listed if isinstance(t, dict)] if isinstance(listed, list) else []
    return {str(t.get("id")): str(t.get("model") or "") for t in whole}


def apply(post: Mapping[str, str], before: Mapping[str, Any], out: dict[str, Any]) -> None:
    """Writes what was picked into `out`. A pick that stands as it was changes nothing: the list may have been edited itself."""
    old = models(before)
    for key, value in post.items():
        name, model = key.removeprefix(PREFIX), plain_text(value)[:400]
        if not key.startswith(PREFIX) or not name.isidentifier() or old.get(name, "") == model:
            continue
        listed = [t for t in out.get("teachers") or [] if isinstance(t, dict)]
        found = next((t for t in listed if t.get("id") == name), None)
        if found is None:
            listed = [*listed, {"id": name, "model": model}]
        elif model:
            listed = [{**t, "model": model} if t is found else t for t in listed]
        else:
            listed = [t for t in listed if t is not found]
        out["teachers"] = listed
        if not listed:
            del out["teachers"]
