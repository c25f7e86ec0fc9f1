"""What exists: objective terms and systems by id, those of this package and those of plugins."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ..errors import RecipeInvalid
from ..objectives.base import Part
from ..parts import Described
from . import parts as listed
from .system import GROUPS, System, load

PARTS: dict[str, type[Part]] = {
    **listed.TOKEN,
    **listed.PREFERENCE,
    **listed.POLICY,
    **listed.ALIGNED,
    **listed.STATES,
}

# The other kinds of parts, by kind and id.
KINDS: dict[str, dict[str, type[Described]]] = {
    "weighting": {**listed.WEIGHTINGS},
    "selection": listed.SELECTIONS,
    "source": listed.SOURCES,
    "teacher": listed.TEACHERS,
    "adapter": listed.ADAPTERS,
    "shape": listed.SHAPES,
    "merge": listed.MERGES,
    "writer": listed.WRITERS,
    "verifier": listed.VERIFIERS,
    "preference-rule": listed.PREFERENCE_RULES,
    "decoding": listed.DECODING,
}

FIRST = (  # of the method picker: the default first, the control second; the others follow by group
    "llm-neo",
    "sft",
    "word-kd",
    "seqkd",
    "distillm-skew",
    "distillm-skew-reverse",
    "label-mix",
    "gkd-jsd",
)


def _load_systems(folder: Path) -> dict[str, System]:
    """Every file of `systems/`: adding a system is adding a file."""
    found = {path.stem: load(path) for path in folder.glob("*.yaml")}
    for name, system in found.items():
        if system.id != name:
            raise ValueError(f"system file {name}.yaml calls itself {system.id!r}; file and id must be the same")
    rest = sorted(set(found) - set(FIRST), key=lambda name: (GROUPS.index(found[name].group), name))
    return {name: found[name] for name in (*FIRST, *rest)}


SYSTEMS: dict[str, System] = _load_systems(Path(__file__).parent / "systems")

PROBLEMS: list[str] = []  # sentences about plugins that were left out


def _add(table: dict[str, Any], id: str, item: Any, point: EntryPoint) -> None:
    if id in table:
        PROBLEMS.append(f"Plugin {point.value} was left out: the id {id!r} is taken already.")
    else:
        table[id] = item


def _system(found: Any) -> System:
    return System.model_validate(found) if isinstance(found, dict) else load(Path(found))


def _part(found: Any) -> type[Part]:
    if not (isinstance(found, type) and issubclass(found, Part)):
        raise TypeError("it is not a subclass of jobs.distill.objectives.base.Part")
    return found


def add_plugins(parts: Iterable[EntryPoint], systems: Iterable[EntryPoint]) -> None:
    """Adds what other packages offer; one that cannot be read or reuses an id is left out and named in PROBLEMS."""
    for points, read, table in ((parts, _part, PARTS), (systems, _system, SYSTEMS)):
        for point in sorted(points, key=lambda p: (p.name, p.value)):
            try:
                item: Any = read(point.load())  # type: ignore[operator]
            except Exception as e:  # a stranger's package may fail in any way; the workbench must still start
                PROBLEMS.append(f"Plugin {point.value} was left out: {e}")
                continue
            _add(table, item.id, item, point)  # type: ignore[arg-type]


add_plugins(entry_points(group="distillation_workbench.parts"), entry_points(group="distillation_workbench.systems"))


def get_system(id: str) -> System:
    """Raises RecipeInvalid with the nearest names."""
    return _get(SYSTEMS, id, "method", "method")


def get_part(id: str, field: str = "type") -> type[Part]:
    return _get(PARTS, id, "objective term", field)


def get_weighting(id: str, field: str = "type") -> type[Described]:
    return _get(KINDS["weighting"], id, "token weight", field)


def _get(table: dict[str, Any], id: str, what: str, field: str) -> Any:
    if id in table:
        return table[id]
    near = difflib.get_close_matches(id, table, 1, 0.5)
    hint = f"Did you mean {near[0]}?" if near else f"One of {', '.join(table)}."
    raise RecipeInvalid(f"There is no {what} {id!r}. {hint}", field=field, hint=hint)
