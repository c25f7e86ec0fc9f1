"""What differs between two recipes, field by field, in the words of the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.distill.catalog import SYSTEMS
from jobs.distill.errors import DistillError

from . import nodes, queries
from .forms import Input

# What tells the items of a list apart, and what an item is called without a name of its own.
KEYS = {"stages": ("kind", "name"), "terms": ("type",), "teachers": ("id",), "members": ("kind", "name")}
NAMES = {
    "train": "train",
    "generate": "teacher answers",
    "record": "record signals",
    "select": "select rows",
    "merge": "merge",
    "write": "write",
    "verify": "verify",
    "prefer": "prefer",
    "reward": "reward",
    "review": "review",
    "use": "use",
    "loop": "rounds",
}
LONGEST = 120
DEFAULT = "default"
Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """One field. `place` is the stage or part it belongs to, `path` where it stands in the recipe that has it."""

    path: str
    place: str
    title: str
    kind: str  # changed | added | removed | moved
    before: str
    after: str

    @property
    def words(self) -> str:
        """Stage 2, distil: Learning rate from 0.0002 to 0.001."""
        where = f"{self.place}: " if self.place else ""
        if self.kind == "moved":
            return f"{where}{self.title} moved from place {self.before} to {self.after}."
        if self.kind != "changed":
            value = self.after if self.kind == "added" else self.before
            return f"{where}{self.title} {self.kind}{f' ({value})' if value else ''}."
        return f"{where}{self.title} from {self.before} to {self.after}."


def between(a: Fields, b: Fields) -> list[Difference]:
    """From `a` to `b`, both as far as they are filled in, in the order of the schema."""
    inputs = {i.path: i for fields in (a, b) for i in nodes.leaves(nodes.tree(fields))}
    return list(_objects(_said(a), _said(b), "", "", inputs))


def compare(a: Fields, b: Fields) -> tuple[list[Difference], str]:
    """As `between`; where one names a method and the other spells its stages out, both are compared as stages.

    The second value says so, or is empty.
    """
    from .editing import spell_out

    a, b = queries.complete(a), queries.complete(b)
    if bool(a.get("stages")) == bool(b.get("stages")):
        return between(a, b), ""
    named = a if a.get("method") else b
    try:
        spelled = spell_out(named)
    except DistillError:
        return between(a, b), ""
    system = SYSTEMS.get(str(named.get("method")))
    note = f"One of them names the method {system.title if system else named.get('method')}; it was compared by the stages it stands for."
    return between(*((spelled, b) if named is a else (a, spelled))), note


def sentence(found: list[Difference], at_most: int = 3) -> str:
    """One line for a list of changes."""
    if not found:
        return "Nothing changed."
    more = len(found) - at_most
    tail = f" And {more} more change{'s' if more > 1 else ''}." if more > 0 else ""
    return (" ".join(d.words for d in found[:at_most]) + tail)[:400]


def _said(fields: Fields) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if k != "version" and v not in (None, {}, "", [])}


def _objects(a: Fields, b: Fields, path: str, place: str, inputs: Mapping[str, Input]) -> Iterator[Difference]:
    for name in dict.fromkeys([*a, *b]):
        at = f"{path}.{name}" if path else str(name)
        if name not in a or name not in b or a[name] != b[name] or type(a[name]) is not type(b[name]):
            yield from _values(a.get(name), b.get(name), at, place, inputs)


def _values(a: Any, b: Any, path: str, place: str, inputs: Mapping[str, Input]) -> Iterator[Difference]:
    if isinstance(a, dict | None) and isinstance(b, dict | None) and (a or b):
        yield from _objects(a or {}, b or {}, path, place, inputs)
    elif _is_items(a) and _is_items(b) and (a or b):
        yield from _lists(a or [], b or [], path, place, inputs)
    else:
        item = inputs.get(path)
        before, after = shown(a, item), shown(b, item)
        if before != after:
            yield Difference(path, place, _title(path, item), "changed", before, after)


def _is_items(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(v, dict) for v in value))


def _lists(a: list[Any], b: list[Any], path: str, place: str, inputs: Mapping[str, Input]) -> Iterator[Difference]:
    pairs = matched(a, b, KEYS.get(path.rpartition(".")[2], ()))
    kept = {i for i, j in pairs}
    for i, item in enumerate(a):
        if i not in kept:
            yield Difference(f"{path}.{i}", place, _called(path, i, item), "removed", "", "")
    still = set(_rising([j for _, j in pairs]))
    for i, j in pairs:
        if j not in still:
            yield Difference(f"{path}.{j}", place, _called(path, j, b[j], False), "moved", str(i + 1), str(j + 1))
        inner = f"{place}, {_called(path, j, b[j])}" if place else _called(path, j, b[j])
        yield from _objects(a[i], b[j], f"{path}.{j}", inner, inputs)
    came = {j for _, j in pairs}
    for j, item in enumerate(b):
        if j not in came:
            yield Difference(f"{path}.{j}", place, _called(path, j, item), "added", "", "")


def matched(a: list[Any], b: list[Any], keys: tuple[str, ...]) -> list[tuple[int, int]]:
    """Pairs of places that hold the same item: equal, then of the same name, then of the same kind; in a's order."""
    free_a, free_b = dict(enumerate(a)), dict(enumerate(b))
    pairs: list[tuple[int, int]] = []
    looser = [None, *(keys[:n] for n in range(len(keys), 0, -1)), *([()] if not keys else [])]
    for by in looser:
        for i in list(free_a):
            near = sorted(free_b, key=lambda j: abs(j - i))
            j = next((j for j in near if _alike(free_a[i], free_b[j], by)), None)
            if j is not None:
                pairs.append((i, j))
                del free_a[i], free_b[j]
    return sorted(pairs)


def _alike(x: Any, y: Any, by: tuple[str, ...] | None) -> bool:
    """Equal where `by` is None, otherwise equal in those keys."""
    return bool(x == y) if by is None else all(_key(x, k) == _key(y, k) for k in by)


def _key(item: Mapping[str, Any], key: str) -> Any:
    if key == "name" and "name" not in item:
        return NAMES.get(str(item.get("kind")), "")
    return item.get(key)


def _rising(numbers: list[int]) -> list[int]:
    """The longest part of the list that rises: what did not move."""
    best: list[list[int]] = []
    for n in numbers:
        before = max((b for b in best if b[-1] < n), key=len, default=[])
        best.append([*before, n])
    return max(best, key=len, default=[])


def _called(path: str, index: int, item: Mapping[str, Any], numbered: bool = True) -> str:
    """Stage 2, distil; Term forward-kl; Teacher second."""
    keys = KEYS.get(path.rpartition(".")[2], ())
    name = next((str(v) for k in reversed(keys) if (v := _key(item, k))), "")
    noun = {"stages": "Stage", "terms": "Term", "teachers": "Teacher", "members": "Voice"}.get(
        path.rpartition(".")[2], path.rpartition(".")[2].replace("_", " ").capitalize()
    )
    if noun == "Stage":
        return f"Stage {index + 1}, {name}" if numbered else f"Stage {name}"
    return f"{noun} {name or index + 1}"


def _title(path: str, item: Input | None) -> str:
    """The words beside the field; parents are named where the field alone says too little."""
    name = item.title if item and item.title else path.rpartition(".")[2].replace("_", " ").capitalize()
    parent = path.rpartition(".")[0].rpartition(".")[2]
    words = {
        "teacher": "Teacher",
        "student": "Student",
        "schedule": "Schedule",
        "watch": "Watch",
        "source": "Rows' source",
    }
    return f"{words[parent]}, {name[:1].lower()}{name[1:]}" if parent in words else name


def shown(value: Any, item: Input | None) -> str:
    """A value in words; a missing one is the default."""
    if value is None or value in ({}, []):
        said = item.said_default if item else ""
        return f"{said} ({DEFAULT})" if said else DEFAULT if item else "nothing"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        text = value
    elif isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        text = str(int(value))
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
