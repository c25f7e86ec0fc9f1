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
from .lanes import WORDS, name_of

LONGEST_LIST = 50
LONGEST_NAME = 80
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
    items = paths.get(out, parent)
    if not isinstance(items, list) or not last.isdigit() or int(last) > len(items):
        return Edited(out, parent)
    return _insert_at(out, parent, items, int(last), kind)


def _insert_at(out: dict[str, Any], path: str, items: list[Any], i: int, kind: str) -> Edited:
    if len(items) >= LONGEST_LIST:
        return Edited(out, path, f"There are {LONGEST_LIST} already, which is the most.")
    new = _new(out, kind, len(items), i)
    paths.put(out, path, [*items[:i], new, *items[i:]])
    order = (*range(i), None, *range(i, len(items)))
    return Edited(out, f"{path}.{i}", f"{_called(path, i, new)} was added.", path, order)


def _new(out: Mapping[str, Any], kind: str, count: int, i: int) -> dict[str, Any]:
    """What an item starts with, so that it means something at once."""
    if kind == "Term":
        return {"type": "cross-entropy"}
    if kind == "Teacher":
        return {"id": f"teacher-{count + 2}"}
    stages = [s for s in out.get("stages") or [] if isinstance(s, dict)]
    if kind == "merge":
        trained = [name_of(s) for s in stages[:i] if s.get("kind") == "train"]
        return _named({"kind": "merge", "parents": list(dict.fromkeys(trained))}, stages)
    if kind in WORDS:
        return _named({"kind": kind, **deepcopy(NEW_STAGES.get(kind, {}))}, stages)
    return {}


def _named(new: dict[str, Any], stages: list[dict[str, Any]], name: str = "") -> dict[str, Any]:
    """The stage with a name that no other has: train, train 2, train 3."""
    name, taken = name or name_of(new), {name_of(s) for s in stages}
    if name in taken:
        stem = name.rstrip("0123456789").rstrip() or name
        number = next(n for n in range(2, len(taken) + 3) if f"{stem[: LONGEST_NAME - 4]} {n}" not in taken)
        name = f"{stem[: LONGEST_NAME - 4]} {number}"
    return new if name == name_of(new) else {"kind": new["kind"], **new, "name": name}


def _copy(out: dict[str, Any], path: str, more: str) -> Edited:
    parent, i, items = _item(out, path)
    if i is None or len(items) >= LONGEST_LIST:
        return Edited(out, parent)
    new = deepcopy(items[i])
    if parent == "stages" and isinstance(new, dict) and "kind" in new:
        new = _named(new, [s for s in items if isinstance(s, dict)])
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
    called = f"Stage {name_of(items[j])}" if parent == "stages" and isinstance(items[j], dict) else "It"
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
    return Edited(out, path, f"{_called(parent, i, before['stages'][i])} is now called {name}.", parent)


def _item(out: dict[str, Any], path: str) -> tuple[str, int | None, Any]:
    """The list around the item, the item's place or None where there is none, and the list (or mapping) itself."""
    parent, _, last = path.rpartition(".")
    items = paths.get(out, parent) if parent else None
    there = isinstance(items, list) and last.isdigit() and int(last) < len(items)
    return parent, int(last) if there else None, items


def _called(path: str, i: int, item: Any) -> str:
    """Stage 2, distil."""
    name = path.rpartition(".")[2]
    if name == "stages" and isinstance(item, dict):
        return f"Stage {i + 1}, {name_of(item)} ({WORDS.get(str(item.get('kind')), 'unknown').lower()}),"
    words = {"terms": "Term", "teachers": "Teacher", "members": "Voice"}
    return f"{words.get(name, name.replace('_', ' ').capitalize())} {i + 1}"


def follow_names(before: Mapping[str, Any], after: dict[str, Any]) -> None:
    """A stage that got another name is called so by the stages that name it: starts, parents, teachers."""
    old, new = before.get("stages"), after.get("stages")
    if not isinstance(old, list) or not isinstance(new, list) or len(old) != len(new):
        return
    still = {name_of(s) for s in new if isinstance(s, dict)}
    for a, b in zip(old, new, strict=True):
        same = isinstance(a, dict) and isinstance(b, dict) and a.get("kind") == b.get("kind")
        if same and name_of(a) != name_of(b) and name_of(a) not in still:
            for stage in new:
                if isinstance(stage, dict):
                    _call(stage, name_of(a), name_of(b))


def _call(stage: dict[str, Any], old: str, new: str) -> None:
    if stage.get("start") == old:
        stage["start"] = new
    if isinstance(stage.get("parents"), list):
        stage["parents"] = [new if p == old else p for p in stage["parents"]]
    teaching, source = stage.get("teaching"), stage.get("source")
    members = teaching.get("members") if isinstance(teaching, dict) else None
    voices = [*(members if isinstance(members, list) else [])]
    voices += [source.get("strong"), source.get("weak")] if isinstance(source, dict) else []
    for voice in voices:
        if isinstance(voice, dict) and voice.get("kind") == "adapter" and voice.get("name") == old:
            voice["name"] = new


_VERBS = {
    "add": _add, "insert": _insert, "copy": _copy, "remove": _remove, "move": _move, "up": _up, "down": _down, "rename": _rename,
}  # fmt: skip
