"""The whole recipe as a tree of form fields, built from its JSON schema: a field added to the recipe appears by itself.

Names of inputs are paths of the recipe (`stages.1.terms.0.weight`); titles and help are the schema's own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from jobs.distill.catalog import PARTS
from jobs.distill.catalog.tables import KINDS
from jobs.distill.parts import Described
from jobs.distill.recipe import Recipe

from . import forms
from .forms import Input

Schema = Mapping[str, Any]
SCOPES = {"token": "Token by token", "sequence": "Whole answers", "states": "Inside the models"}
# Objects whose `options` depend on a part of the catalogue: class of the recipe -> field that names it, table.
TYPED: dict[str, tuple[str, Mapping[str, type[Described]]]] = {
    "Term": ("type", PARTS),
    "Weighting": ("type", KINDS["weighting"]),
    "Select": ("method", KINDS["selection"]),
    "Adapter": ("type", KINDS["adapter"]),
    "Write": ("writer", KINDS["writer"]),
    "Check": ("type", KINDS["verifier"]),
    "Use": ("how", KINDS["decoding"]),
    "Prefer": ("rule", KINDS["preference-rule"]),
}


@dataclass(frozen=True)
class Node:
    """A field or a group of them.

    kind: leaf | group | optional (a group that may be absent) | either (a plain value or a group) | union (one of several
    groups, by `kind`) | list (of groups) | map (groups by name). `names` are what may be added to a list or a map.
    """

    path: str
    title: str
    help: str = ""
    kind: str = "leaf"
    input: Input | None = None
    children: tuple[Node, ...] = ()
    is_on: bool = False
    names: tuple[tuple[str, str], ...] = ()
    typed: str = ""  # the child that names a part, where `options` follow it
    default: Mapping[str, Any] | None = None  # of a group that differs from the defaults of its own fields
    writer: type[Described] | None = None  # whose prompts these are

    @property
    def id(self) -> str:
        return forms.anchor(self.path)

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def is_set(self) -> bool:
        """Whether anything in it was chosen: it is shown unfolded then."""
        return self.is_on or any(i.value is not None and i.kind != "hidden" for i in leaves(self.children))

    @property
    def label(self) -> str:
        """What an item of a list is called: its own name, type or title."""
        for key in ("name", "id", "type", "method"):
            for child in self.children:
                if child.name == key and child.input and child.input.shown:
                    return child.input.label_of_value or child.input.placeholder
        return self.title


# Fields that nobody types here: an address belongs to the library's endpoints, and a student costs no fee.
ELSEWHERE = ("student.budget",)


@cache
def recipe_schema() -> dict[str, Any]:
    """JSON schema of a recipe: the text of tooltips, of the API and of the manual."""
    return Recipe.model_json_schema()


def tree(fields: Mapping[str, Any]) -> tuple[Node, ...]:
    """Every field of the recipe with the values of a draft, whatever the draft holds."""
    schema = recipe_schema()
    return _group("", schema, schema, schema, fields).children


def leaves(nodes: tuple[Node, ...]) -> Iterator[Input]:
    """Every input of the nodes, in order."""
    for node in nodes:
        if node.input:
            yield node.input
        yield from leaves(node.children)


def shape_of(nodes: tuple[Node, ...]) -> frozenset[str]:
    """The names of all inputs: differs when another set of fields has to be shown."""
    return frozenset(item.path for item in leaves(nodes))


def rest(fields: Mapping[str, Any]) -> dict[str, tuple[Node, ...]]:
    """card -> fields of the recipe that the card's own inputs do not show; stages in place of the small form's training."""
    shown = {i.path for i in forms.all_inputs()} | set(forms.PICKED) | {"version"}
    spelled = isinstance(fields.get("stages"), list) and bool(fields["stages"])
    hidden = {"options", "train" if spelled else "stages"}
    out: dict[str, list[Node]] = {}
    for top in tree(fields):
        node = None if top.path in hidden else _without(top, shown)
        if node is None:
            continue
        parts = node.children if node.path in ("student", "teacher", "data", "train", "evaluation") else (node,)
        for part in parts:
            inner = part.children if part.path == "student.adapter" else (part,)
            for n in inner:
                out.setdefault(forms.card_of("teacher" if n.path == "teachers" else n.path), []).append(n)
    return {card: tuple(nodes) for card, nodes in out.items()}


def _without(node: Node, shown: set[str]) -> Node | None:
    """The node without inputs that stand elsewhere; a group that lost some is shown without a switch of its own."""
    if node.kind not in ("leaf", "group", "optional"):
        return node
    if node.kind == "leaf":
        return None if node.path in shown else node
    kept = tuple(k for c in node.children if (k := _without(c, shown)))
    if not kept:
        return None
    return replace(node, children=kept, kind="group" if len(kept) < len(node.children) else node.kind)


def _node(path: str, spec: Schema, schema: Schema, value: Any) -> Node:
    """The node of one property."""
    kinds = [forms._resolved(s, schema) for s in spec.get("anyOf", [spec])]
    real = [k for k in kinds if k.get("type") != "null"]
    objects = [k for k in real if "properties" in k]
    union = next((k for k in real if "oneOf" in k), None)
    if union is not None:
        return _union(path, spec, union, schema, value, nullable=len(kinds) > len(real))
    if objects:
        group = _group(path, spec, objects[0], schema, value)
        if len(real) > len(objects):
            plain = forms._with(_leaf(path, spec, schema), None if isinstance(value, dict) else value)
            return replace(group, kind="either", input=plain, is_on=isinstance(value, dict), default=None)
        if len(kinds) > len(real):
            return replace(group, kind="optional", is_on=isinstance(value, dict))
        return group
    first = real[0] if real else {}
    items = forms._resolved(first.get("items") or {}, schema)
    if "properties" in items or "oneOf" in items:
        return _list(path, spec, items, schema, value)
    entries = first.get("additionalProperties")
    if isinstance(entries, Mapping) and "$ref" in entries:
        return _map(path, spec, entries, schema, value)
    return _as_node(forms._with(_leaf(path, spec, schema), value))


def _as_node(item: Input) -> Node:
    return Node(item.path, item.title, item.help, input=item)


def _group(path: str, spec: Schema, definition: Schema, schema: Schema, value: Any) -> Node:
    """An object with a node for each property; `options` and the field that names a part come from the catalogue."""
    default = spec.get("default") if isinstance(spec.get("default"), dict) else None
    own = {name: p.get("default") for name, p in definition["properties"].items()}
    unusual = (
        default if default and any(own.get(k) != v for k, v in default.items() if not isinstance(v, dict)) else None
    )
    data = value if isinstance(value, dict) else dict(unusual or {})
    about, table = TYPED.get(definition.get("title", ""), ("", {}))
    part = table.get(str(data.get(about, own.get(about)))) if about else None
    children = []
    for name, prop in definition["properties"].items():
        at = f"{path}.{name}" if path else name
        if at in ELSEWHERE or name == "endpoint":
            continue
        if about and name == about:
            children.append(_as_node(_part_choice(at, prop, schema, data.get(name), table)))
        elif about and name == "options":
            children.append(_options(at, prop, part, data.get(name)))
        elif "const" in prop:
            children.append(_as_node(Input(at, "Kind", kind="hidden", default=prop["const"], value=prop["const"])))
        else:
            children.append(_node(at, prop, schema, data.get(name)))
    if definition.get("title") == "Term":
        children = [_with_names(c, part) if c.name == "schedule" else c for c in children]
    if definition.get("title") == "Write":
        children = [_with_steps(c, part) if c.name == "prompts" else c for c in children]
    title = spec.get("title") or definition.get("title", "")
    help = spec.get("description") or definition.get("description", "")
    return Node(path, title, help, "group", children=tuple(children), typed=about, default=unusual)


def _part_choice(path: str, prop: Schema, schema: Schema, value: Any, table: Mapping[str, type[Described]]) -> Input:
    """A select of all parts of a table; objective terms stand under the heading of their scope."""
    item = _leaf(path, prop, schema)
    groups: dict[str, list[tuple[str, str]]] = {}
    for id, part in table.items():
        groups.setdefault(SCOPES.get(getattr(part, "scope", ""), ""), []).append((id, part.title))
    flat = tuple(pair for pairs in groups.values() for pair in pairs)
    named = tuple((name, tuple(pairs)) for name, pairs in groups.items()) if len(groups) > 1 else ()
    return forms._with(replace(item, kind="choice", choices=flat, groups=named), value)


def _options(path: str, prop: Schema, part: type[Described] | None, value: Any) -> Node:
    schema = part.Options.model_json_schema() if part else {"properties": {}}
    group = _group(path, {}, {"properties": {}, **schema, "title": prop.get("title", "Options")}, schema, value)
    return replace(group, title=prop.get("title", "Options"), help=prop.get("description", ""))


def _with_names(node: Node, part: type[Described] | None) -> Node:
    """A term's schedule: what of it can move is its weight, its temperature and the part's numbers."""
    spec = (part.Options.model_json_schema().get("properties") or {}) if part else {}
    numbers = [(k, p.get("title", k)) for k, p in spec.items() if p.get("type") in ("number", "integer")]
    taken = {child.name for child in node.children}
    names = [("weight", "Weight"), ("temperature", "Temperature T"), *numbers]
    return replace(node, names=tuple(n for n in names if n[0] not in taken))


def _with_steps(node: Node, part: type[Described] | None) -> Node:
    """The prompts of a writer: its steps that the recipe does not word itself may be taken over."""
    if part is None:
        return node
    taken = {child.name for child in node.children}
    return replace(
        node, writer=part, names=tuple((step, step) for step in getattr(part, "prompts", {}) if step not in taken)
    )


def _union(path: str, spec: Schema, union: Schema, schema: Schema, value: Any, nullable: bool) -> Node:
    """One of several groups by `kind`. Only the fields of the chosen one are shown."""
    found = [forms._resolved(s, schema) for s in union["oneOf"]]
    kinds = {d["properties"]["kind"]["const"]: d for d in found}
    chosen = value.get("kind") if isinstance(value, dict) else None
    names = tuple((k, k.replace("_", " ").capitalize()) for k in kinds)
    title, help = spec.get("title", ""), spec.get("description", "")
    item = Input(
        f"{path}.kind", title, help, "choice", ((("", "None"), *names) if nullable else names),
        value=chosen, fixed=not nullable,
    )  # fmt: skip
    group = _group(path, {}, kinds[chosen], schema, value) if chosen in kinds else Node(path, title)
    children = tuple(c for c in group.children if c.name != "kind")
    about = help if nullable else group.help
    return Node(path, title or group.title, about, "union", item, children, chosen in kinds, names, group.typed)


def _list(path: str, spec: Schema, items: Schema, schema: Schema, value: Any) -> Node:
    least = 0 if "oneOf" in items else int(spec.get("minItems", 0))  # a stage of no kind would be none
    values = value if isinstance(value, list) else [{}] * least
    make = _union_item if "oneOf" in items else _group_item
    children = tuple(make(f"{path}.{i}", items, schema, v) for i, v in enumerate(values))
    if "oneOf" in items:
        names = tuple(
            sorted(((k, k.capitalize()) for k in items["discriminator"]["mapping"]), key=lambda n: n[0] != "train")
        )
    else:
        names = ((items.get("title", ""), str(items.get("title", "item")).lower()),)
    return Node(path, spec.get("title", ""), spec.get("description", ""), "list", children=children, names=names)


def _group_item(path: str, items: Schema, schema: Schema, value: Any) -> Node:
    return _group(path, {}, items, schema, value)


def _union_item(path: str, items: Schema, schema: Schema, value: Any) -> Node:
    return _union(path, {}, items, schema, value, nullable=False)


def _map(path: str, spec: Schema, entries: Schema, schema: Schema, value: Any) -> Node:
    known = value if isinstance(value, dict) else {}
    definition = forms._resolved(entries, schema)
    children = tuple(
        replace(_group(f"{path}.{key}", {}, definition, schema, v), title=key)
        for key, v in known.items()
        if str(key).isidentifier()
    )
    return Node(path, spec.get("title", ""), spec.get("description", ""), "map", children=children)


def _leaf(path: str, spec: Schema, schema: Schema) -> Input:
    """An input, with the kinds that only the large form has: yes/no/not said, lines, numbers, points, pairs."""
    item = forms._input(path, spec, schema)
    kinds = [forms._resolved(s, schema) for s in spec.get("anyOf", [spec])]
    nullable = any(k.get("type") == "null" for k in kinds)
    array = next((k for k in kinds if k.get("type") == "array"), None)
    if item.kind == "switch" and nullable:
        return replace(item, kind="tri", choices=(("", "Not said"), ("true", "Yes"), ("false", "No")))
    if array is not None:
        inner = array.get("items", {}).get("type")
        kind = {"array": "points", "number": "numbers", "integer": "numbers"}.get(inner, "lines")
        return item if item.path.endswith(".targets") else replace(item, kind=kind)
    if any(k.get("type") == "object" for k in kinds):
        return replace(item, kind="pairs")
    return item


def described_leaf(path: str, spec: Schema, schema: Schema) -> Input:
    """Title, help, range and default of a field, for the manual."""
    return _leaf(path, spec, schema)
