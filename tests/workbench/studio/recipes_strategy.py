"""Any recipe, for hypothesis: drawn from the recipe's own JSON schema, then freed of what its validators refuse."""

from __future__ import annotations

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from jobs.distill import recipe as recipes
from jobs.distill.catalog import SYSTEMS, options_schema
from jobs.distill.catalog.tables import KINDS
from jobs.distill.parts import Described
from workbench.studio import nodes, paths
from workbench.studio.nodes import TYPED

SCHEMA = nodes.recipe_schema()
WORKING = [name for name, s in SYSTEMS.items() if s.status == "works"]
ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
PLAIN_TEXT = st.text(st.sampled_from("abcxyz019_-"), min_size=1, max_size=8)
LARGEST = 1e6
MAKING = ("write", "verify", "prefer", "reward", "review", "use")
STAGES = ("train", "train", "generate", "record", "select", "merge", *MAKING)


@st.composite
def fields(draw: st.DrawFn, plain: bool = False) -> dict[str, Any]:
    """A valid recipe as plain data: a method with options, or one to four stages of any kind.

    `plain`: what a form alone can say. Words without blanks and line ends, no empty lists, which a form shows like none
    at all, and nothing of the fields that no form has.
    """
    text = PLAIN_TEXT if plain else ANY_TEXT
    out = _object(draw, SCHEMA, text, {"method", "options", "train", "stages", "version"})
    out["student"].setdefault("model", "s")
    if draw(st.booleans()):
        out["stages"] = [_stage(draw, text) for _ in range(draw(st.integers(1, 4)))]
    else:
        out["method"] = draw(st.sampled_from(WORKING))
        out["options"] = _object(draw, options_schema(SYSTEMS[out["method"]]), PLAIN_TEXT, set())
        out["train"] = _object(draw, SCHEMA["$defs"]["TrainOptions"], text, set())
    data = _valid(out)
    if plain:
        data = _valid(_filled(data))
        for at in nodes.ELSEWHERE:
            paths.drop(data, at)
    return recipes.to_dict(recipes.parse(data))


def _filled(data: Any) -> Any:
    if isinstance(data, dict):
        return {k: _filled(v) for k, v in data.items() if v != []}
    return [_filled(v) for v in data] if isinstance(data, list) else data


def _stage(draw: st.DrawFn, text: st.SearchStrategy[str], inside: bool = False) -> dict[str, Any]:
    """A stage of any kind; those of a loop are drawn like it, and hold no loop."""
    kind = draw(st.sampled_from(STAGES if inside else (*STAGES, "loop", "loop")))
    definition = SCHEMA["$defs"][kind.capitalize()]
    out = _object(draw, definition, text, {"kind", "stages", "prompts"}) | {"kind": kind}
    if kind in ("train", "reward") and not out.get("steps"):
        out.setdefault("epochs", 1.5)
    if kind == "loop":
        out["stages"] = [_stage(draw, text, inside=True) for _ in range(draw(st.integers(1, 3)))]
    if kind == "write" and (steps := list(getattr(KINDS["writer"][out["writer"]], "prompts", {}))):
        worded = draw(st.sets(st.sampled_from(steps), max_size=2))
        out["prompts"] = {n: _object(draw, SCHEMA["$defs"]["PromptText"], text, set()) for n in sorted(worded)}
    return out


def _object(draw: st.DrawFn, definition: dict[str, Any], text: st.SearchStrategy[str], but: set[str]) -> dict[str, Any]:
    """What is required and a few of the rest; `options` follow the part that the object names."""
    spec = definition.get("properties") or {}
    needed = [n for n in definition.get("required", ()) if n not in but]
    others = [n for n in spec if n not in but and n not in needed]
    chosen = draw(st.lists(st.sampled_from(others), max_size=4, unique=True)) if others else []
    about, table = TYPED.get(definition.get("title", ""), ("", {}))
    out = {}
    for name in [n for n in spec if n in needed or n in chosen]:
        if name == about and table:
            out[name] = draw(st.sampled_from(sorted(table)))
        elif not (name == "options" and (about or definition.get("title") == "Merge")):
            out[name] = _value(draw, spec[name], definition, text)
    part = table.get(str(out.get(about, spec.get(about, {}).get("default")))) if about else None
    if part is not None and "options" in spec:
        out["options"] = _options(draw, part)
    return out


def _options(draw: st.DrawFn, part: type[Described]) -> dict[str, Any]:
    return _object(draw, part.Options.model_json_schema(), PLAIN_TEXT, set())


def _value(draw: st.DrawFn, spec: dict[str, Any], around: dict[str, Any], text: st.SearchStrategy[str]) -> Any:
    defs = {**SCHEMA["$defs"], **around.get("$defs", {})}
    if "anyOf" in spec:
        return _value(draw, draw(st.sampled_from([k for k in spec["anyOf"] if k.get("type") != "null"])), around, text)
    if "$ref" in spec:
        return _value(draw, defs[spec["$ref"].rpartition("/")[2]], around, text)
    if "oneOf" in spec:
        one = draw(st.sampled_from(sorted(spec["discriminator"]["mapping"])))
        return _object(draw, defs[spec["discriminator"]["mapping"][one].rpartition("/")[2]], text, {"kind"}) | {
            "kind": one
        }
    if "const" in spec:
        return spec["const"]
    if "enum" in spec:
        return draw(st.sampled_from(spec["enum"]))
    kind = spec.get("type")
    if kind == "object":
        inner = spec.get("additionalProperties")
        if "properties" in spec:
            return _object(draw, spec, text, set())
        if isinstance(inner, dict) and "$ref" in inner:
            return {
                n: _value(draw, inner, around, text) for n in draw(st.sets(st.sampled_from(["weight", "temperature"])))
            }
        return draw(st.dictionaries(PLAIN_TEXT, PLAIN_TEXT, max_size=2))
    if kind == "array":
        if "prefixItems" in spec:
            return [_value(draw, s, around, text) for s in spec["prefixItems"]]
        low = spec.get("minItems", 0)
        return [_value(draw, spec.get("items", {}), around, text) for _ in range(draw(st.integers(low, low + 2)))]
    return _scalar(draw, spec, text)


def _scalar(draw: st.DrawFn, spec: dict[str, Any], text: st.SearchStrategy[str]) -> Any:
    low, high = (
        spec.get("minimum", spec.get("exclusiveMinimum", 0)),
        spec.get("maximum", spec.get("exclusiveMaximum", LARGEST)),
    )
    if spec.get("type") == "integer":
        return draw(st.integers(int(low), int(min(high, low + 1000))))
    if spec.get("type") == "number":
        inside = {"exclude_min": "exclusiveMinimum" in spec, "exclude_max": "exclusiveMaximum" in spec}
        return draw(st.floats(float(low), float(min(high, LARGEST)), allow_nan=False, **inside))
    if spec.get("type") == "boolean":
        return draw(st.booleans())
    if "64" in spec.get("pattern", ""):
        return "0123456789abcdef" * 4
    return "a" + draw(st.text("abc1_-", max_size=5)) if "pattern" in spec else draw(text)


def _valid(data: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that the validators refuse, one after the other."""
    for _ in range(60):
        wrong = recipes.problems(data)
        if not wrong:
            return data
        path = wrong[0]["field"]
        while path and paths.get(data, path) is None:
            path = path.rpartition(".")[0]
        parent = paths.get(data, path.rpartition(".")[0]) if "." in path else data
        assume(bool(path) and isinstance(parent, dict | list))
        if isinstance(parent, list):
            parent.pop(int(path.rpartition(".")[2]))
        else:
            inner = parent[path.rpartition(".")[2]]
            if isinstance(inner, dict) and len(inner) > 1 and not wrong[0]["field"].startswith(path + "."):
                inner.pop(
                    next(k for k in reversed(inner) if k != "kind")
                )  # a rule of the whole object: take away from it
            else:
                parent.pop(path.rpartition(".")[2])
    assume(False)
    return data
