"""A JSON value against a JSON schema, by our own list of keywords.

No patterns and no addresses: a schema comes from a person, and a regular expression of theirs could take forever, a
reference could make the server fetch something. Every other keyword is refused by name, so nothing is silently unchecked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..errors import RecipeInvalid

DEPTH = 64
MOST_CHARACTERS = 65_536  # of a schema
MOST_CHECKS = 200_000  # of one value: combinations inside combinations multiply
TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "integer": lambda v: (isinstance(v, int) and not isinstance(v, bool)) or (isinstance(v, float) and v.is_integer()),
}
SAYS_NOTHING = {"$schema", "$id", "$comment", "title", "description", "default", "examples", "$defs", "definitions", "deprecated"}  # fmt: skip
NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
MANY = ("anyOf", "oneOf", "allOf")
KEYWORDS = {"type", "enum", "const", "properties", "required", "additionalProperties", "items", "uniqueItems", "not", "$ref", *NUMBERS, *COUNTS, *MANY}  # fmt: skip

Schema = Mapping[str, Any] | bool


def read_schema(text: str, field: str = "schema") -> dict[str, Any]:
    """A schema from its text. Raises RecipeInvalid with the path of what is wrong in it."""
    if len(text) > MOST_CHARACTERS:
        raise RecipeInvalid(f"The schema has {len(text):,} characters; {MOST_CHARACTERS:,} are allowed.", field=field, limit=MOST_CHARACTERS)  # fmt: skip
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise RecipeInvalid(f"The schema is not JSON: {e}.", field=field) from None
    if not isinstance(schema, dict):
        raise RecipeInvalid("The schema must be a JSON object.", field=field)
    _Reader(schema, field).whole()
    return schema


class _Reader:
    """Refuses what `problem` would not check."""

    def __init__(self, root: Mapping[str, Any], field: str) -> None:
        self.root, self.field = root, field
        self.read: set[int] = set()
        self.pointed_to: list[tuple[Any, str]] = []

    def whole(self) -> None:
        """A reference may point into what no keyword leads to, such as a default: that is read too."""
        self.pointed_to = [(self.root, "$")]
        while self.pointed_to:
            self.schema(*self.pointed_to.pop(), depth=0)

    def refuse(self, path: str, what: str) -> RecipeInvalid:
        return RecipeInvalid(f"The schema at {path}: {what}.", field=self.field)

    def schema(self, schema: Any, path: str, depth: int) -> None:
        if isinstance(schema, bool):
            return
        if not isinstance(schema, dict):
            raise self.refuse(path, "a schema is an object, true or false")
        if depth > DEPTH:
            raise self.refuse(path, f"it is nested more than {DEPTH} deep")
        if id(schema) in self.read:
            return
        self.read.add(id(schema))
        for name, value in schema.items():
            if name not in KEYWORDS | SAYS_NOTHING:
                raise self.refuse(path, f"{name!r} is not supported; {', '.join(sorted(KEYWORDS))} are")
            self.keyword(name, value, f"{path}.{name}", depth)

    def keyword(self, name: str, value: Any, path: str, depth: int) -> None:
        if name in ("properties", "$defs", "definitions"):
            if not isinstance(value, dict):
                raise self.refuse(path, "an object of schemas is wanted")
            for key, inner in value.items():
                self.schema(inner, f"{path}.{key}", depth + 1)
        elif name in ("items", "not", "additionalProperties"):
            self.schema(value, path, depth + 1)
        elif name in MANY:
            if not isinstance(value, list) or not value:
                raise self.refuse(path, "a list of schemas is wanted")
            for i, inner in enumerate(value):
                self.schema(inner, f"{path}[{i}]", depth + 1)
        elif name == "$ref":
            self.pointed_to.append((resolve(self.root, value, lambda what: self.refuse(path, what)), path))
        elif name == "type" and (
            not (names := [value] if isinstance(value, str) else value)
            or not isinstance(names, list)
            or not all(isinstance(n, str) and n in TYPES for n in names)
        ):
            raise self.refuse(path, f"a type is one of {', '.join(TYPES)}, or a list of them")
        else:
            self.value(name, value, path)

    def value(self, name: str, value: Any, path: str) -> None:
        if name in NUMBERS and (not TYPES["number"](value) or isinstance(value, float) and not math.isfinite(value)):
            raise self.refuse(path, "a number is wanted")
        if name == "multipleOf" and value <= 0:
            raise self.refuse(path, "a number above 0 is wanted")
        if name in COUNTS and (not TYPES["integer"](value) or value < 0):
            raise self.refuse(path, "a whole number from 0 is wanted")
        if name == "enum" and not isinstance(value, list):
            raise self.refuse(path, "a list is wanted")
        if name == "uniqueItems" and not isinstance(value, bool):
            raise self.refuse(path, "true or false is wanted")
        if name == "required" and (not isinstance(value, list) or not all(isinstance(v, str) for v in value)):
            raise self.refuse(path, "a list of names is wanted")


def resolve(root: Mapping[str, Any], ref: Any, refusal: Callable[[str], Exception]) -> Any:
    """What a reference inside the same schema points to; nothing is ever fetched."""
    if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
        raise refusal("a reference must point into this schema, like #/$defs/name")
    found: Any = root
    for step in ref.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or step not in found:
            raise refusal(f"the reference {ref} points to nothing")
        found = found[step]
    if not isinstance(found, dict | bool):
        raise refusal(f"the reference {ref} points to no schema")
    return found


def problem(value: Any, schema: Mapping[str, Any]) -> str | None:
    """The first thing wrong with the value, with its path (`$.people[2].age: …`); None where it holds. The schema went
    through `read_schema`."""
    try:
        return _Check(schema).at(value, schema, "$", 0)
    except _TooMuch as e:
        return str(e)
    except RecursionError:
        return "$: too deeply nested to check"


class _TooMuch(Exception):
    pass


class _Check:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root, self.left = root, MOST_CHECKS

    def at(self, value: Any, schema: Schema, path: str, depth: int) -> str | None:
        self.left -= 1
        if self.left < 0 or depth > 2 * DEPTH:
            raise _TooMuch(f"{path}: too deeply nested or too large to check")
        if isinstance(schema, bool):
            return None if schema else f"{path}: nothing is allowed here"
        if "$ref" in schema:
            target = resolve(self.root, schema["$ref"], ValueError)
            if wrong := self.at(value, target, path, depth + 1):
                return wrong
        return (
            self._kind(value, schema, path)
            or self._limits(value, schema, path)
            or self._inside(value, schema, path, depth)
            or self._combined(value, schema, path, depth)
        )

    def _kind(self, value: Any, schema: Mapping[str, Any], path: str) -> str | None:
        if "type" in schema:
            names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
            if not any(TYPES[n](value) for n in names):
                return f"{path}: {' or '.join(names)} is wanted, found {_called(value)}"
        if "enum" in schema and not any(equal(value, v) for v in schema["enum"]):
            return f"{path}: {_short(value)} is none of {_short(schema['enum'])}"
        if "const" in schema and not equal(value, schema["const"]):
            return f"{path}: {_short(schema['const'])} is wanted, found {_short(value)}"
        return None

    def _limits(self, value: Any, schema: Mapping[str, Any], path: str) -> str | None:
        if TYPES["number"](value):
            return _number(value, schema, path)
        for kind, what in ((str, "Length"), (list, "Items"), (dict, "Properties")):
            if isinstance(value, kind):
                noun = {"Length": "characters", "Items": "items", "Properties": "properties"}[what]
                if len(value) < schema.get(f"min{what}", 0):
                    return f"{path}: {len(value)} {noun}, at least {schema[f'min{what}']} are wanted"
                if len(value) > schema.get(f"max{what}", math.inf):
                    return f"{path}: {len(value)} {noun}, at most {schema[f'max{what}']} are allowed"
        return None

    def _inside(self, value: Any, schema: Mapping[str, Any], path: str, depth: int) -> str | None:
        if isinstance(value, dict):
            return self._object(value, schema, path, depth)
        if isinstance(value, list):
            if schema.get("uniqueItems") and len({canonical(v) for v in value}) < len(value):
                return f"{path}: an item stands there twice"
            if "items" in schema:
                for i, item in enumerate(value):
                    if wrong := self.at(item, schema["items"], f"{path}[{i}]", depth + 1):
                        return wrong
        return None

    def _object(self, value: dict[str, Any], schema: Mapping[str, Any], path: str, depth: int) -> str | None:
        for name in schema.get("required", ()):
            if name not in value:
                return f"{path}: {name!r} is missing"
        known = schema.get("properties", {})
        for name, inner in value.items():
            rule = known[name] if name in known else schema.get("additionalProperties", True)
            if rule is False and name not in known:
                return f"{path}: {name[:60]!r} is not one of its properties"
            if wrong := self.at(inner, rule, f"{path}.{name[:60]}", depth + 1):
                return wrong
        return None

    def _combined(self, value: Any, schema: Mapping[str, Any], path: str, depth: int) -> str | None:
        for inner in schema.get("allOf", ()):
            if wrong := self.at(value, inner, path, depth + 1):
                return wrong
        if "anyOf" in schema:
            found = [self.at(value, inner, path, depth + 1) for inner in schema["anyOf"]]
            if all(found):
                return f"{path}: none of the {len(found)} allowed forms; the first says: {found[0]}"
        if "oneOf" in schema:
            fits = sum(self.at(value, inner, path, depth + 1) is None for inner in schema["oneOf"])
            if fits != 1:
                return f"{path}: {fits} of the {len(schema['oneOf'])} allowed forms fit, one must"
        if "not" in schema and self.at(value, schema["not"], path, depth + 1) is None:
            return f"{path}: this form is not allowed"
        return None


def _number(value: float, schema: Mapping[str, Any], path: str) -> str | None:
    if "minimum" in schema and value < schema["minimum"]:
        return f"{path}: {_short(value)} is below {schema['minimum']}"
    if "maximum" in schema and value > schema["maximum"]:
        return f"{path}: {_short(value)} is above {schema['maximum']}"
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        return f"{path}: {_short(value)} must be above {schema['exclusiveMinimum']}"
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        return f"{path}: {_short(value)} must be below {schema['exclusiveMaximum']}"
    if "multipleOf" in schema and not _multiple(value, schema["multipleOf"]):
        return f"{path}: {_short(value)} is no multiple of {schema['multipleOf']}"
    return None


def _multiple(value: float, of: float) -> bool:
    """As the digits are written: 0.3 is a multiple of 0.1, which no float is."""
    if isinstance(value, int) and isinstance(of, int):
        return value % of == 0
    a, b = (Decimal(str(v)).as_integer_ratio() for v in (value, of))
    return (a[0] * b[1]) % (a[1] * b[0]) == 0


def equal(a: Any, b: Any) -> bool:
    """Equality of JSON: 1 and 1.0 are equal, 1 and true are not."""
    return canonical(a) == canonical(b)


def canonical(value: Any) -> str:
    """Equal JSON values have equal texts."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int):
        return hex(value) if value.bit_length() > 1000 else str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(k)}:{canonical(value[k])}" for k in sorted(value)) + "}"
    assert isinstance(value, Sequence)
    return "[" + ",".join(map(canonical, value)) + "]"


def _called(value: Any) -> str:
    return next(name for name in ("object", "array", "string", "boolean", "null", "integer", "number") if TYPES[name](value))  # fmt: skip


def _short(value: Any) -> str:
    text = canonical(value)
    return text if len(text) <= 80 else text[:79] + "…"
