"""Pages of the manual that are made from the engine: parts by kind, and every field of a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from jobs.distill.catalog import PARTS
from jobs.distill.catalog.tables import KINDS
from jobs.distill.parts import Described
from workbench.studio import nodes
from workbench.studio.forms import Input

from . import manual

TITLES = {
    "token": ("Terms, token by token", "Compared at every supervised position of the answer."),
    "sequence": ("Terms over whole answers", "Pairs, rankings, groups and rewards."),
    "states": ("Terms inside the models", "Hidden states, attention and projections between different widths."),
    "weighting": ("Token weights", "How much each token of a term counts."),
    "selection": ("Selections", "Which rows later stages learn from."),
    "source": ("Sources", "Where the rows of a training stage come from."),
    "teacher": ("Teachers", "Who speaks for the teacher, and how several voices become one."),
    "adapter": ("Adapters", "What is trained beside the frozen student."),
    "shape": ("Shapes", "How the student is cut or merged before training."),
    "merge": ("Merges", "How several adapters become one."),
    "writer": ("Writers", "What a model is asked to write, and which rows are made of it."),
    "verifier": ("Checks", "Which written rows may be learnt from."),
    "decoding": ("Ways of answering", "Several adapters or paths of one student together, entries looked up, tools."),
    "preference-rule": ("Preference rules", "Which of several answers is the better one."),
}


@dataclass(frozen=True)
class Entry:
    """One part with its formula as MathML and its options."""

    part: type[Described]
    formula: SafeString
    options: tuple[Input, ...]


@dataclass(frozen=True)
class Kind:
    """All parts of a kind, in the catalogue's order."""

    id: str
    title: str
    about: str
    entries: tuple[Entry, ...]


def kinds() -> dict[str, Kind]:
    """Every kind that has parts; objective terms stand apart by what they look at."""
    tables: dict[str, list[type[Described]]] = {}
    for part in PARTS.values():
        tables.setdefault(part.scope, []).append(part)
    tables |= {name: list(table.values()) for name, table in KINDS.items()}
    return {id: Kind(id, *TITLES[id], tuple(_entry(p) for p in tables[id])) for id in TITLES if tables.get(id)}


def _entry(part: type[Described]) -> Entry:
    schema = part.Options.model_json_schema()
    properties = schema.get("properties") or {}
    options = tuple(nodes.described_leaf(name, spec, schema) for name, spec in properties.items())
    return Entry(part, manual.mathml(part.formula), options)


def fields() -> list[dict[str, Any]]:
    """Each class of the recipe with its fields, in the words of the schema."""
    schema = nodes.recipe_schema()
    classes = [schema, *schema["$defs"].values()]
    return [
        {"title": c["title"], "about": c.get("description", ""), "id": c["title"], "inputs": _inputs(c)}
        for c in classes
        if c.get("properties")
    ]


def _inputs(definition: dict[str, Any]) -> list[Input]:
    schema = nodes.recipe_schema()
    return [nodes.described_leaf(name, spec, schema) for name, spec in definition["properties"].items()]
