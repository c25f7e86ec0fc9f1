"""The catalogue as JSON: for forms, the API, help pages and `python -m jobs.distill systems | parts`."""

from __future__ import annotations

from typing import Any

from ..parts import Described
from ..recipe import TrainOptions
from .system import System, SystemOption
from .tables import KINDS, PARTS, PROBLEMS, SYSTEMS

_JSON_TYPE = {
    "number": "number", "integer": "integer", "boolean": "boolean", "choice": "string", "text": "string", "list": "array"
}  # fmt: skip


def needs_of(system: System) -> list[str]:
    """`teacher:weights`, `same_vocabulary`, `labels`: the same words as a part's needs, with the kind of teacher."""
    needs = system.needs
    out = [] if needs.teacher == "none" else [f"teacher:{needs.teacher}"]
    return out + [name for name in ("same_vocabulary", "labels") if getattr(needs, name)]


def options_schema(system: System) -> dict[str, Any]:
    """JSON schema of the small form's options."""
    fields = {name: _field(option) for name, option in system.options.items()}
    return {"type": "object", "properties": fields, "additionalProperties": False}


def _field(option: SystemOption) -> dict[str, Any]:
    out: dict[str, Any] = {"type": _JSON_TYPE[option.type], "title": option.title, "description": option.help}
    out["default"] = option.default
    if option.type in ("number", "integer"):
        out |= {"minimum": option.min, "maximum": option.max}
    if option.type == "text":
        out["format"] = "prose"
    if option.type == "list":
        out["items"] = {"type": "string"}
    if option.choices:
        out["enum"] = option.choices
    if option.unit:
        out["unit"] = option.unit
    return out | ({"advanced": True} if option.advanced else {})


def part_json(part: type[Described]) -> dict[str, Any]:
    """One part of any kind; what only objective terms have is empty for the others."""
    return {
        "kind": part.kind,
        "id": part.id,
        "title": part.title,
        "summary": part.summary,
        "when_to_use": part.when_to_use,
        "formula": part.formula,
        "needs": sorted(getattr(part, "needs", ())),
        "reads": list(getattr(part, "reads", ())),
        "scope": getattr(part, "scope", ""),
        "paper": part.paper.model_dump() if part.paper else None,
        "options": part.Options.model_json_schema(),
        "status": "works",
    }


def all_parts() -> list[type[Described]]:
    """Objective terms first, then the other kinds."""
    others = [part for table in KINDS.values() for part in table.values()]
    return [*PARTS.values(), *others]


def system_json(system: System) -> dict[str, Any]:
    out = system.model_dump(
        include={"id", "title", "group", "question", "summary", "when_to_use", "formula", "differs", "status"}
    )
    return out | {
        "needs": needs_of(system),
        "parts": system.parts,
        "paper": system.paper.model_dump() if system.paper else None,
        "more_papers": [paper.model_dump() for paper in system.more_papers],
        "options": options_schema(system),
        "defaults": {name: default.model_dump() for name, default in system.defaults.items()},
        "train": TrainOptions.model_json_schema(),
    }


def to_json() -> dict[str, Any]:
    """{"systems": [...], "parts": [...], "problems": [sentences about plugins that were left out]}"""
    return {
        "systems": [system_json(s) for s in SYSTEMS.values()],
        "parts": [part_json(p) for p in all_parts()],
        "problems": list(PROBLEMS),
    }
