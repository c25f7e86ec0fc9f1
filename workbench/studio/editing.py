"""Stages spelled out, and the lists of a recipe: an item added, copied, taken away, moved or renamed."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from jobs.distill import recipe as recipes
from jobs.distill.catalog import expand
from jobs.distill.catalog.tables import KINDS

from . import paths, queries
from .naming import LONGEST_NAME, all_stages, follow_names, own_names, with_own_name
from .stage_words import WORDS, name_of

LONGEST_LIST = 50
NEW_STAGES: dict[str, dict[str, Any]] = {
    "train": {"epochs": 1, "terms": [{"type": "cross-entropy"}]},
    "select": {"method": next(iter(KINDS["selection"]), "")},
    "write": {"writer": "answers"},
    "verify": {"checks": [{"type": "exact"}]},
    "prefer": {"rule": next(iter(KINDS["preference-rule"]), "")},
    "use": {"how": next(iter(KINDS["decoding"]), "")},
    "reward": {},
    "loop": {
        "stages": [
            {"kind": "write", "name": "ask", "writer": "answers", "rows": "unsure", "limit": 500},
            {"kind": "train", "name": "learn", "rows": "all", "epochs": 1, "terms": [{"type": "cross-entropy"}]},
        ]
    },
}


@dataclass(frozen=True)
class Edited:
    """The fields after one press of a button, the path to show, and what happened as a sentence.

    `order` says, for each place of the list at `where`, which place its item had before (None: it is new): comments and
    the focus move along.
    """

    fields: dict[str, Any]
    at: str = ""
    words: str = ""
    where: str = ""
    order: tuple[int | None, ...] = ()


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
    stages = [{"kind": s["kind"], **s} for s in found["stages"]]
    return {**out, "stages": stages, **({"student": student} if student else {})}


def edit(fields: Mapping[str, Any], what: str, names: Mapping[str, str]) -> Edited:
    """One press of a button.

    `what` is `spell`, `add:stages:train`, `insert:stages.1:train`, `copy:stages.1`, `remove:stages.1`, `up:stages.1`,
    `down:stages.1`, `move:stages.1:3`, `rename:stages.1:new name`, or `put:stages.0.terms.0.schedule`, whose name stands in
    `names` under `<path>:name`. Anything else changes nothing. Stages of a method are spelled out before they are changed.
    Raises RecipeInvalid where they cannot be.
    """
    verb, _, rest = what[:400].partition(":")
    path, _, more = rest.partition(":")
    if what == "spell":
        return Edited(spell_out(fields), "stages", "The method's stages were spelled out.")
    spelled = isinstance(fields.get("stages"), list) and bool(fields["stages"])
    if verb in _VERBS and path.partition(".")[0] == "stages" and not spelled:
        fields = spell_out(fields)
    out = deepcopy(dict(fields))
    if verb == "put":
        name = names.get(f"{path}:name", "")
        if name.isidentifier():
            paths.put(out, f"{path}.{name}", _wording(out, path, name))
        return Edited(out, f"{path}.{name}")
    return _VERBS[verb](out, path, more) if verb in _VERBS else Edited(out)


def _wording(out: Mapping[str, Any], path: str, step: str) -> dict[str, Any]:
    """What a new entry of a map begins with: a prompt with the writer's own words, anything else with nothing."""
    stage, _, name = path.rpartition(".")
    writer = KINDS["writer"].get(str(paths.get(out, f"{stage}.writer"))) if name == "prompts" else None
    own = getattr(writer, "prompts", {}).get(step)
    if own is None:
        return {}
    return {"user": own.user, **({"system": own.system} if own.system else {})}


def _add(out: dict[str, Any], path: str, kind: str) -> Edited:
    there = paths.get(out, path)
    if there is not None and not isinstance(there, list):
        return Edited(out, path)
    items = there if isinstance(there, list) else [{}] if path.endswith(".members") else []
    return _insert_at(out, path, items, len(items), kind)


def _insert(out: dict[str, Any], path: str, kind: str) -> Edited:
    """Before the item at `path`, which may be one past the last."""
    parent, _, last = path.rpartition(".")
    loop = paths.get(out, parent.rpartition(".")[0]) if "." in parent else None
    items = paths.get(out, parent)
    if items is None and isinstance(loop, dict) and loop.get("kind") == "loop":
        items = []  # the last of its stages was removed
    if not isinstance(items, list) or not last.isdigit() or int(last) > len(items):
        return Edited(out, parent)
    return _insert_at(out, parent, items, int(last), kind)


def _insert_at(out: dict[str, Any], path: str, items: list[Any], i: int, kind: str) -> Edited:
    if len(items) >= LONGEST_LIST:
        return Edited(out, path, f"There are {LONGEST_LIST} already, which is the most.")
    if kind == "loop" and path != "stages":
        return Edited(out, path, "Rounds stand beside other rounds, not inside them.")
    new = _new(out, kind, path, i)
    paths.put(out, path, [*items[:i], new, *items[i:]])
    order = (*range(i), None, *range(i, len(items)))
    return Edited(out, f"{path}.{i}", f"{_called(path, i, new)} was added.", path, order)


def _new(out: Mapping[str, Any], kind: str, path: str, i: int) -> dict[str, Any]:
    """What the item at place `i` of the list at `path` starts with, so that it means something at once."""
    if kind == "Term":
        return {"type": "cross-entropy"}
    if kind == "Teacher":
        return {"id": f"teacher-{len(out.get('teachers') or []) + 2}"}
    stages = all_stages(out)
    if kind == "merge":
        before = [s for at, s in stages if _comes_before(at, f"{path}.{i}")]
        trained = [name_of(s) for s in before if s.get("kind") == "train"]
        return with_own_name({"kind": "merge", "parents": list(dict.fromkeys(trained))}, [s for _, s in stages])
    if kind in WORDS:
        return own_names({"kind": kind, **deepcopy(NEW_STAGES.get(kind, {}))}, [s for _, s in stages])
    return {}


def _comes_before(path: str, other: str) -> bool:
    def places(p: str) -> list[int]:
        return [int(part) for part in p.split(".") if part.isdigit()]

    return places(path) < places(other)


def _copy(out: dict[str, Any], path: str, more: str) -> Edited:
    parent, i, items = _item(out, path)
    if i is None or len(items) >= LONGEST_LIST:
        return Edited(out, parent)
    new = deepcopy(items[i])
    if _holds_stages(parent) and isinstance(new, dict) and "kind" in new:
        new = own_names(new, [s for _, s in all_stages(out)])
    if parent == "teachers" and isinstance(new, dict):
        taken = {t.get("id") for t in items if isinstance(t, dict)}
        new["id"] = next(f"teacher-{n}" for n in range(2, len(items) + 4) if f"teacher-{n}" not in taken)
    items.insert(i + 1, new)
    order = (*range(i + 1), None, *range(i + 1, len(items) - 1))
    return Edited(
        out, f"{parent}.{i + 1}", f"{_called(parent, i + 1, new)} is a copy of number {i + 1}.", parent, order
    )


def _remove(out: dict[str, Any], path: str, more: str) -> Edited:
    parent, i, items = _item(out, path)
    if isinstance(items, dict):
        items.pop(path.rpartition(".")[2], None)
        if not items:
            paths.drop_inside(out, parent)
        return Edited(out, parent)
    if i is None:
        return Edited(out, parent)
    gone = items.pop(i)
    if not items:
        paths.drop_inside(out, parent)
    order = tuple(n for n in range(len(items) + 1) if n != i)
    return Edited(out, parent, f"{_called(parent, i, gone)} was removed.", parent, order)


def _move(out: dict[str, Any], path: str, to: str) -> Edited:
    """To the place `to`, counted from 0; beyond the ends is the end."""
    parent, i, items = _item(out, path)
    if i is None or not to.lstrip("-").isdigit():
        return Edited(out, parent)
    j = max(0, min(int(to), len(items) - 1))
    if i == j:
        return Edited(out, path)
    places = list(range(len(items)))
    places.insert(j, places.pop(i))
    items[:] = [items[n] for n in places]
    called = f"Stage {name_of(items[j])}" if _holds_stages(parent) and isinstance(items[j], dict) else "It"
    words = f"{called} moved from place {i + 1} to {j + 1} of {len(items)}."
    return Edited(out, f"{parent}.{j}", words, parent, tuple(places))


def _up(out: dict[str, Any], path: str, more: str) -> Edited:
    last = path.rpartition(".")[2]
    return _move(out, path, str(int(last) - 1) if last.isdigit() else "")


def _down(out: dict[str, Any], path: str, more: str) -> Edited:
    last = path.rpartition(".")[2]
    return _move(out, path, str(int(last) + 1) if last.isdigit() else "")


def _rename(out: dict[str, Any], path: str, name: str) -> Edited:
    parent, i, items = _item(out, path)
    name = name.strip()[:LONGEST_NAME]
    if i is None or not isinstance(items[i], dict) or not name:
        return Edited(out, parent)
    before = deepcopy(out)
    items[i]["name"] = name
    follow_names(before, out)
    return Edited(out, path, f"{_called(parent, i, paths.get(before, path))} is now called {name}.", parent)


def _item(out: dict[str, Any], path: str) -> tuple[str, int | None, Any]:
    """The list around the item, the item's place or None where there is none, and the list (or mapping) itself."""
    parent, _, last = path.rpartition(".")
    items = paths.get(out, parent) if parent else None
    there = isinstance(items, list) and last.isdigit() and int(last) < len(items)
    return parent, int(last) if there else None, items


def _holds_stages(path: str) -> bool:
    """Whether this is the list of the recipe's stages, or of a loop's."""
    return path.rpartition(".")[2] == "stages"


def _called(path: str, i: int, item: Any) -> str:
    """Stage 2, distil; Stage 3.1, ask, inside a loop."""
    name = path.rpartition(".")[2]
    if _holds_stages(path) and isinstance(item, dict):
        number = ".".join(str(int(n) + 1) for n in f"{path}.{i}".split(".") if n.isdigit())
        return f"Stage {number}, {name_of(item)} ({WORDS.get(str(item.get('kind')), 'unknown').lower()}),"
    words = {"terms": "Term", "teachers": "Teacher", "members": "Voice"}
    return f"{words.get(name, name.replace('_', ' ').capitalize())} {i + 1}"


_VERBS = {
    "add": _add, "insert": _insert, "copy": _copy, "remove": _remove, "move": _move, "up": _up, "down": _down, "rename": _rename,
}  # fmt: skip
