"""A draft as YAML and back, with the line of each error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from jobs.distill import recipe as recipes

from .queries import storable

LONGEST = 200_000
INCOMPLETE = ("is missing", "give a method or spell the stages out")


@dataclass(frozen=True)
class TextProblem:
    line: int | None
    field: str
    message: str


def dump(fields: dict[str, Any]) -> str:
    """The draft as it stands, fields in the order of the recipe's schema."""
    order = list(recipes.Recipe.model_fields)
    known = {k: fields[k] for k in order if k in fields}
    return yaml.safe_dump(
        {"version": recipes.VERSION, **known, **{k: v for k, v in fields.items() if k not in known}},
        sort_keys=False,
        allow_unicode=True,
        width=110,
    )


def load(text: str) -> tuple[dict[str, Any], list[TextProblem]]:
    """Fields of a draft and what is wrong with them. What is merely missing is no problem: a draft may be unfinished."""
    if len(text) > LONGEST:
        return {}, [TextProblem(None, "", f"The text has {len(text):,} characters; a recipe may have {LONGEST:,}.")]
    try:
        data = yaml.safe_load(text)
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        mark = getattr(e, "problem_mark", None)
        return {}, [
            TextProblem(
                mark.line + 1 if mark else None,
                "",
                f"{getattr(e, 'problem', None) or 'This is not YAML'}. Check indentation and quotes.",
            )
        ]
    if not isinstance(data, dict):
        return {}, [TextProblem(1, "", "A recipe is a mapping of fields (name, method, teacher, student, data ...).")]
    if isinstance(version := data.get("version"), int) and version > recipes.VERSION:
        return {}, [
            TextProblem(
                line_of(tree, "version"),
                "version",
                f"This recipe was made by a newer version ({version}); this workbench reads up to {recipes.VERSION}.",
            )
        ]
    try:
        storable(data)
    except (ValueError, TypeError) as e:
        return {}, [
            TextProblem(None, "", f"This cannot be stored: {e}. Quote dates, and remove NUL and half characters.")
        ]
    found = [p for p in recipes.problems(data) if p["message"] not in INCOMPLETE]
    return data, [TextProblem(line_of(tree, p["field"]), p["field"], p["message"]) for p in found]


def line_of(tree: yaml.Node | None, path: str) -> int | None:
    """Line (from 1) of the node at a dotted path, or of its nearest parent."""
    node, line = tree, None
    for key in path.split("."):
        child = _child(node, key)
        if child is None:
            break
        line, node = child
    return line


def _child(node: Any, key: str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((k.start_mark.line + 1, v) for k, v in node.value if getattr(k, "value", None) == key), None)
    if isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
        child = node.value[int(key)]
        return child.start_mark.line + 1, child
    return None
