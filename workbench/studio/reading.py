"""What was typed into the tree of fields, as plain data of a recipe."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from . import forms, paths
from .forms import Input
from .nodes import TYPED, Node, rest

GONE: Any = object()  # a field that is not written down, because it stands at its default
Post = Mapping[str, str]


def read(node: Node, post: Post, old: Any = GONE) -> Any:
    """The node's value after a post; `old` where the post does not have it, GONE where it is the default."""
    return _READERS[node.kind](node, post, old)


def _leaf(node: Node, post: Post, old: Any) -> Any:
    item = node.input
    assert item is not None
    if item.kind == "hidden":
        return item.default
    if item.path not in post and f"{item.path}:shown" not in post:
        return old
    if forms.untouched(item, post, None if old is GONE else old):
        return old
    value = value_of(item, post)
    return GONE if value is None or value == "" and not _spaced(item) or _same(value, item.default) else value


def _group(node: Node, post: Post, old: Any) -> Any:
    if node.default is not None and not isinstance(old, dict):
        old = dict(node.default)
    out = _object(node, post, old)
    if node.default is not None:
        full = {c.name: out.get(c.name, c.input.default if c.input else GONE) for c in node.children}
        full = {k: v for k, v in full.items() if v is not GONE}
        return GONE if all(_same(full.get(k, v), v) or full.get(k) == v for k, v in node.default.items()) else out
    return out or GONE


def _optional(node: Node, post: Post, old: Any) -> Any:
    if f"{node.path}:shown" not in post:
        return old
    return _object(node, post, old) if f"{node.path}:on" in post else GONE


def _either(node: Node, post: Post, old: Any) -> Any:
    if f"{node.path}:shown" in post and f"{node.path}:on" in post:
        return _object(node, post, old)
    if node.path not in post:
        return old
    plain = Node(node.path, node.title, input=node.input)
    return _leaf(plain, post, GONE if isinstance(old, dict) else old)


def _union(node: Node, post: Post, old: Any) -> Any:
    before = old.get("kind") if isinstance(old, dict) else None
    chosen = forms.plain_text(post.get(f"{node.path}.kind", "")) if f"{node.path}.kind" in post else before
    if not chosen:
        return GONE if f"{node.path}.kind" in post else old
    return {"kind": chosen} if chosen != before else {"kind": chosen, **_object(node, post, old)}


def _list(node: Node, post: Post, old: Any) -> Any:
    if f"{node.path}:shown" not in post:
        return old
    values = old if isinstance(old, list) else [GONE] * len(node.children)
    found = [read(child, post, value) for child, value in zip(node.children, values, strict=False)]
    plain = [{} if v is GONE else v for v in found]
    return GONE if not plain or (plain == [{}] and not isinstance(old, list)) else plain


def _map(node: Node, post: Post, old: Any) -> Any:
    out = dict(old) if isinstance(old, dict) else {}
    for child in node.children:
        value = read(child, post, out.get(child.name, GONE))
        out[child.name] = {} if value is GONE else value
    return out or GONE


def _object(node: Node, post: Post, old: Any) -> dict[str, Any]:
    """The fields of an object. What the schema does not know is kept, so that the check can name it."""
    before = old if isinstance(old, dict) else {}
    known = {c.name for c in node.children}
    out = {k: v for k, v in before.items() if k not in known}
    for child in node.children:
        value = read(child, post, before.get(child.name, GONE))
        if value is not GONE:
            out[child.name] = value
    if node.typed and out.get(node.typed) != before.get(node.typed):
        _forget_options(node, out)
    return out


def _forget_options(node: Node, out: dict[str, Any]) -> None:
    """Another part was chosen: options and curves that it does not have go."""
    table = next(t for name, t in TYPED.values() if name == node.typed and _has(node, t))
    part = table.get(str(out.get(node.typed)))
    known = set(part.Options.model_fields) if part else set()
    for name, also in (("options", set()), ("schedule", {"weight", "temperature"})):
        kept = {k: v for k, v in (out.get(name) or {}).items() if k in known | also}
        out.pop(name, None)
        if kept:
            out[name] = kept


def _has(node: Node, table: Mapping[str, Any]) -> bool:
    item = next(c.input for c in node.children if c.name == node.typed)
    return item is not None and {value for value, _ in item.choices} == set(table)


_READERS = {
    "leaf": _leaf,
    "group": _group,
    "optional": _optional,
    "either": _either,
    "union": _union,
    "list": _list,
    "map": _map,
}


def value_of(item: Input, post: Post) -> Any:
    """The typed value; text that does not fit its kind stays text, so that the check can show it."""
    raw = post.get(item.path, "")
    text = forms.plain_text(raw)
    if item.kind == "tri":
        return {"true": True, "false": False}.get(text)
    if item.kind == "numbers":
        return [forms.number_of(t) for t in re.split(r"[\s,;]+", text) if t] or None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if item.kind == "lines":
        return lines or None
    if item.kind == "points":
        return [[forms.number_of(t) for t in re.split(r"[\s,;:]+", line) if t] for line in lines] or None
    if item.kind == "pairs":
        pairs = (line.partition("=") for line in lines)
        return {a.strip(): b.strip() for a, _, b in pairs} or None
    if item.kind == "text" and _spaced(item):
        return raw.replace("\0", "").encode("utf-8", "ignore").decode()[: forms.LONGEST_TEXT]
    return forms._value(item, post)


def _spaced(item: Input) -> bool:
    """Whether spaces at the ends, and nothing at all, mean something: the default itself ends with a space."""
    return isinstance(item.default, str) and item.default != item.default.strip()


def _same(a: Any, b: Any) -> bool:
    """1 is 1.0, but true is not 1."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def parse(post: Post, fields: Mapping[str, Any], options: Iterable[Input] = ()) -> dict[str, Any]:
    """The draft's fields after a post of the whole form: the cards' own inputs, then every other field of the recipe."""
    out = forms.parse(post, fields, options)
    for nodes in rest(fields).values():
        for node in nodes:
            before = paths.get(fields, node.path)
            old = GONE if before is None else before
            value = read(node, post, old)
            if value is GONE:
                if before is not None:
                    paths.drop(out, node.path)
            elif value is not old:
                paths.put(out, node.path, value)
    return out
