"""A recipe as plain data, YAML and JSON: read with the first wrong field named, written without defaults."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ..errors import RecipeInvalid
from . import yaml_text
from .recipe import VERSION, Recipe
from .shape import KINDS as SHAPES

KINDS = (
    "generate",
    "record",
    "select",
    "train",
    "merge",
    "write",
    "verify",
    "prefer",
    "review",
    "reward",
    "loop",
    *SHAPES,
)  # fmt: skip - pydantic puts the kind into the path


def parse(data: Any) -> Recipe:
    """Recipe from plain data; raises RecipeInvalid naming the first wrong field, its value and the allowed range."""
    if isinstance(data, dict) and isinstance(v := data.get("version", VERSION), int) and v > VERSION:
        raise RecipeInvalid(
            f"This recipe was made by a newer version ({v}); this workbench reads up to {VERSION}.",
            field="version",
            hint="Upgrade the workbench, or save the recipe again from this version.",
        )
    try:
        return Recipe.model_validate(data)
    except ValidationError as e:
        raise RecipeInvalid(**_first(e)) from None


def problems(data: Any) -> list[dict[str, Any]]:
    """Every problem of plain data as {field, message}; empty when it is a recipe. For forms and the YAML editor."""
    try:
        Recipe.model_validate(data)
    except ValidationError as e:
        return [{"field": _path(err["loc"]), "message": _sentence(err)} for err in e.errors(include_url=False)]
    return []


def from_yaml(text: str) -> Recipe:
    """Recipe from YAML or JSON text; raises RecipeInvalid with the line of what is no YAML, see yaml_text.py."""
    try:
        data, _ = yaml_text.read(text)
    except yaml_text.WrongYaml as e:
        raise RecipeInvalid(
            f"{e.where}{e.what}.", field="recipe", hint="Check indentation and quotes on that line."
        ) from None
    if not isinstance(data, dict):
        raise RecipeInvalid(
            "A recipe is a mapping of fields (name, method, teacher, student, data ...).", field="recipe"
        )
    return parse(data)


def load(path: Path) -> Recipe:
    return from_yaml(Path(path).read_text(encoding="utf-8"))


def to_dict(recipe: Recipe) -> dict[str, Any]:
    """Plain data without fields that stand at their default, so that a file shows what was chosen. parse(to_dict(r)) == r."""
    out = recipe.model_dump(mode="json", exclude_defaults=True)
    for stage, full in zip(out.get("stages", []), recipe.stages, strict=False):
        stage["kind"] = full.kind
        for inner, whole in zip(stage.get("stages", []), getattr(full, "stages", []), strict=False):
            inner["kind"] = whole.kind
    return {"version": recipe.version, **out}


class Dumper(yaml.SafeDumper):
    """Writes readable text. Characters that YAML takes for the end of a line stand escaped between quotes."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, '"' if set(text) & LINE_ENDS else None)


LINE_ENDS = set("\x85\u2028\u2029\ufeff")
Dumper.add_representer(str, _quoted)


def to_yaml(recipe: Recipe) -> str:
    return str(yaml.dump(to_dict(recipe), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110))


def sha256(recipe: Recipe) -> str:
    """Hash of the complete recipe (defaults included), independent of field order."""
    text = json.dumps(recipe.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _path(loc: tuple[Any, ...]) -> str:
    return ".".join(str(p) for p in loc if p not in KINDS or loc.index(p) == 0)


def _sentence(err: Any) -> str:
    message = str(err["msg"]).removeprefix("Value error, ")
    if err["type"] == "extra_forbidden":
        return "unknown field"
    if err["type"] == "missing":
        return "is missing"
    shown = repr(err.get("input"))
    return message if len(shown) > 60 or err["type"] == "value_error" else f"{message} (got {shown})"


def _first(e: ValidationError) -> dict[str, Any]:
    err = e.errors(include_url=False)[0]
    field, more = _path(err["loc"]), e.error_count() - 1
    tail = f" And {more} more problem{'s' if more > 1 else ''}." if more else ""
    return {
        "message": f"{field or 'recipe'}: {_sentence(err)}.{tail}",
        "field": field or None,
        "limit": (err.get("ctx") or {}).get("le") or (err.get("ctx") or {}).get("ge"),
    }
