"""Forms of transforms, made from their schemas: an option added to a transform appears by itself, with its words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import QueryDict

from jobs.distill.data.transforms import KINDS, Step, problems_of
from jobs.distill.data.transforms.steps import ALL

SHOWN = 6  # options of a card that are not folded away
LONGEST = 2_000_000  # characters of one field
Data = dict[str, Any]
Choices = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Input:
    """One labelled control. kind: text, area, number, tick, select, ticks."""

    name: str
    title: str
    help: str
    kind: str
    value: Any
    choices: Choices = ()
    errors: tuple[str, ...] = ()
    lines: int = 3
    is_set: bool = False

    @property
    def id(self) -> str:
        return self.name.replace(".", "-")


@dataclass(frozen=True)
class Card:
    """A step with its controls; `raw` is the record of a step that was made elsewhere and is only replayed here."""

    number: int  # from 1
    kind: str
    title: str
    summary: str
    inputs: tuple[Input, ...]
    folded: tuple[Input, ...]
    errors: tuple[str, ...]
    raw: str = ""
    words: str = ""
    hidden: tuple[tuple[str, str], ...] = ()  # (name, value) of what is filled in by the workbench

    @property
    def index(self) -> int:
        return self.number - 1

    @property
    def all(self) -> tuple[Input, ...]:
        return (*self.inputs, *self.folded)


@cache
def _properties(kind: str) -> dict[str, Any]:
    return dict(KINDS[kind].model_json_schema()["properties"])


def groups() -> list[tuple[str, list[dict[str, str]]]]:
    """The transforms by what they are for, to choose from."""
    found: dict[str, list[dict[str, str]]] = {}
    for step in ALL:
        kind = str(step.model_fields["kind"].default)
        found.setdefault(step.group, []).append({"kind": kind, "title": step.title, "summary": step.summary})
    return list(found.items())


def with_new(steps: Sequence[Data], kind: str, row_id: str = "") -> list[Data]:
    """The steps and one more; several rows dropped from the table of rows, one after the other, are one step."""
    if not row_id:
        return [*steps, {"kind": kind}]
    if kind != "drop":
        return [*steps, {"kind": kind, "row_id": row_id}]
    goes_on = bool(steps) and steps[-1]["kind"] == "drop"
    last = steps[-1] if goes_on else {"kind": "drop"}
    ids = list(dict.fromkeys([*last.get("row_ids", ()), row_id]))
    return [*(steps[:-1] if goes_on else steps), {**last, "row_ids": ids}]


def cards(steps: Sequence[Data], lists: Mapping[str, Choices]) -> list[Card]:
    """`lists`: choices of options that depend on the team: tokenizer, dataset."""
    return [_card(n, data, lists) for n, data in enumerate(steps, 1)]


def _card(n: int, data: Data, lists: Mapping[str, Choices]) -> Card:
    step, wrong = KINDS[data["kind"]], problems_of(data)
    general = tuple(said for name, said in wrong if not name)
    if step not in ALL:
        raw = json.dumps(data, ensure_ascii=False)
        return Card(n, data["kind"], step.title, step.summary, (), (), general, raw, _words(step, data))
    found = [
        _input(n, name, schema, data, lists, tuple(said for field, said in wrong if field == name))
        for name, schema in _properties(data["kind"]).items()
        if name != "kind" and not schema.get("hidden")
    ]
    shown = tuple(i for at, i in enumerate(found) if at < SHOWN or i.is_set or i.errors)
    folded = tuple(i for i in found if i not in shown)
    kept = [name for name, schema in _properties(data["kind"]).items() if schema.get("hidden") and data.get(name)]
    hidden = tuple((f"s{n - 1}.{name}", str(data[name])) for name in kept)
    return Card(n, data["kind"], step.title, step.summary, shown, folded, general, hidden=hidden)


def _words(step: type[Step], data: Data) -> str:
    try:
        return step.model_validate(data).words()
    except ValueError:
        return step.summary


def _input(
    n: int, name: str, schema: Mapping[str, Any], data: Data, lists: Mapping[str, Choices], errors: Any
) -> Input:
    kind, default = _kind(name, schema, lists), schema.get("default")
    value = data.get(name, default)
    choices: Choices = ()
    if kind == "select":
        choices = lists[name] if name in lists else list(schema.get("choices", {}).items())
        if value and value not in [c for c, _ in choices]:
            choices = [*choices, (str(value), str(value))]
    elif kind == "ticks":
        choices = [(o, o) for o in _options(schema)]
        value = list(value or ())
    elif kind == "area":
        value = _as_lines(value)
    title, help = str(schema.get("title", name)), str(schema.get("description", ""))
    lines = int(schema.get("lines", 3))
    return Input(
        f"s{n - 1}.{name}", title, help, kind, "" if value is None else value, choices, errors, lines, data.get(name, default) != default
    )  # fmt: skip


def _kind(name: str, schema: Mapping[str, Any], lists: Mapping[str, Choices]) -> str:
    if name in lists or "choices" in schema:
        return "select"
    kind = _type(schema)
    if kind == "array":
        return "ticks" if _options(schema) else "area"
    if kind == "object" or schema.get("lines"):
        return "area"
    return {"boolean": "tick", "integer": "number", "number": "number"}.get(kind, "text")


def _type(schema: Mapping[str, Any]) -> str:
    found = [s["type"] for s in schema.get("anyOf", ()) if s["type"] != "null"] or [schema.get("type", "string")]
    return str(found[0])


def _options(schema: Mapping[str, Any]) -> list[str]:
    return list(schema.get("options") or (schema.get("items") or {}).get("enum") or ())


def _as_lines(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{old} = {new}" for old, new in value.items())
    return "\n".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value or "")


def read(post: QueryDict) -> list[Data]:
    """The steps as they were typed; what is no number stays as it is, so that the form can say so."""
    steps = []
    count = post.get("steps", "0")
    for i in range(min(int(count), 100) if count.isdecimal() else 0):
        kind = post.get(f"s{i}.kind", "")
        if kind not in KINDS:
            continue
        if raw := post.get(f"s{i}.raw", ""):
            steps.append(_made_elsewhere(raw, kind))
            continue
        steps.append({"kind": kind} | _read_one(post, i, kind))
    return steps


def _made_elsewhere(raw: str, kind: str) -> Data:
    try:
        data = json.loads(raw[:LONGEST])
    except ValueError:
        data = None
    return data if isinstance(data, dict) and data.get("kind") == kind else {"kind": kind}


def _read_one(post: QueryDict, i: int, kind: str) -> Data:
    out: Data = {}
    for name, schema in _properties(kind).items():
        key = f"s{i}.{name}"
        if name == "kind" or (schema.get("hidden") and key not in post):
            continue
        value = _value(post, key, schema)
        if value is not None and value != schema.get("default"):
            out[name] = value
    return out


def _value(post: QueryDict, key: str, schema: Mapping[str, Any]) -> Any:
    """None where nothing was typed."""
    kind = _type(schema)
    if kind == "boolean":
        return key in post
    if kind == "array" and _options(schema):
        return post.getlist(key)
    text = post.get(key, "")[:LONGEST].replace("\r\n", "\n")
    if kind == "array":
        return [line.strip() for line in text.split("\n") if line.strip()]
    if kind == "object":
        return _names(text)
    if kind in ("integer", "number"):
        return _number(text.strip().replace(",", ""), kind) if text.strip() else None
    return text or None


def _names(text: str) -> dict[str, str]:
    """`old = new` a line; a line without a sign is kept with an empty name, which the check then says."""
    out = {}
    for line in text.split("\n"):
        if line.strip():
            old, _, name = line.rpartition(" = ") if " = " in line else line.partition("=")
            out[old.strip()] = name.strip()
    return out


def _number(text: str, kind: str) -> int | float | str:
    try:
        return int(text) if kind == "integer" else float(text)
    except ValueError:
        return text
