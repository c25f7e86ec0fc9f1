"""A draft as YAML and back, with line and column of each error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from jobs.distill import recipe as recipes
from jobs.distill.recipe import yaml_text
from jobs.distill.recipe.text import Dumper

from . import comments
from .queries import storable

LONGEST = 200_000
INCOMPLETE = ("is missing", "give a method or spell the stages out")


@dataclass(frozen=True)
class TextProblem:
    """line and column count from 1."""

    line: int | None
    field: str
    message: str
    column: int | None = None

    @property
    def place(self) -> str:
        """Line 4, column 3."""
        column = f", column {self.column}" if self.column else ""
        return f"Line {self.line}{column}" if self.line else ""


def dump(fields: dict[str, Any], said: Iterable[Any] = ()) -> str:
    """The draft as it stands, fields in the order of the recipe's schema, with the comments of the text it came from."""
    order = list(recipes.Recipe.model_fields)
    known = {k: fields[k] for k in order if k in fields}
    text = yaml.dump(
        {"version": recipes.VERSION, **known, **{k: v for k, v in fields.items() if k not in known}},
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=110,
    )
    return comments.put_back(text, said)


def load(text: str) -> tuple[dict[str, Any], list[TextProblem]]:
    """Fields of a draft and what is wrong with them. What is merely missing is no problem: a draft may be unfinished."""
    if len(text) > LONGEST:
        return {}, [TextProblem(None, "", f"The text has {len(text):,} characters; a recipe may have {LONGEST:,}.")]
    try:
        data, tree = yaml_text.read(text)
    except yaml_text.WrongYaml as e:
        return {}, [
            TextProblem(e.line, "", f"{e.what[:1].upper()}{e.what[1:]}. Check indentation and quotes.", e.column)
        ]
    if not isinstance(data, dict):
        return {}, [
            TextProblem(1, "", "A recipe is a mapping of fields (name, method, teacher, student, data ...).", 1)
        ]
    if isinstance(version := data.get("version"), int) and version > recipes.VERSION:
        said = f"This recipe was made by a newer version ({version}); this workbench reads up to {recipes.VERSION}."
        return {}, [_at(tree, "version", said)]
    try:
        storable(data)
    except (ValueError, TypeError, RecursionError) as e:
        return {}, [
            _at(
                tree, _unstorable(data), f"This cannot be stored: {e}. Quote dates, and remove NUL and half characters."
            )
        ]
    return data, [_at(tree, p["field"], p["message"]) for p in recipes.problems(data) if p["message"] not in INCOMPLETE]


def _unstorable(data: Any, path: str = "") -> str:
    """The path of the first value that the database cannot hold."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        try:
            storable({"": value})
        except (ValueError, TypeError, RecursionError):
            return _unstorable(value, f"{path}.{key}" if path else str(key))
    return path


def _at(tree: yaml.Node | None, field: str, message: str) -> TextProblem:
    line, column = _place(tree, field)
    return TextProblem(line, field, message, column)


def _place(tree: yaml.Node | None, path: str) -> tuple[int | None, int | None]:
    """Line and column (from 1) of the value at a dotted path; of the key of its nearest parent where it is not there."""
    node: Any = tree
    line, column = (tree.start_mark.line + 1, tree.start_mark.column + 1) if tree is not None else (None, None)
    for key in path.split(".") if path else ():
        child = _child(node, key)
        if child is None:
            break
        line, column, node = child
    return line, column


def _child(node: Any, key: str) -> tuple[int, int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for k, v in node.value:
            if getattr(k, "value", None) == key:
                return k.start_mark.line + 1, k.start_mark.column + 1, v
    if isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
        child = node.value[int(key)]
        return child.start_mark.line + 1, child.start_mark.column + 1, child
    return None
