"""Calls of tools as they stand in a text: <tool_call>{"name", "arguments"}</tool_call>, results in <tool_response>. Light: no torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .programs.safe import evaluate

CALCULATOR = {
    "name": "calculator",
    "description": "Computes an expression of numbers.",
    "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]},
}
KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}
# What may be wrong with a call, from the worst to the least; the order is that of the rewards.
ERRORS = ("format", "unknown tool", "missing argument", "unknown argument", "wrong type", "wrong tool", "wrong value")


@dataclass(frozen=True)
class Call:
    """`start` and `end`: its characters in the text, marks included."""

    name: str
    arguments: Mapping[str, Any]
    start: int = 0
    end: int = 0

    @property
    def text(self) -> str:
        value = {"name": self.name, "arguments": dict(self.arguments)}
        return f"<tool_call>\n{json.dumps(value, ensure_ascii=False)}\n</tool_call>"


@dataclass(frozen=True)
class Broken:
    """A call that cannot be read, and why."""

    why: str
    start: int
    end: int


def tagged(text: str, tag: str) -> Iterator[tuple[str, int, int]]:
    """(what stands between <tag> and </tag>, where that begins and ends, marks included), in one walk through the text."""
    opening, closing, at = f"<{tag}>", f"</{tag}>", 0
    while (start := text.find(opening, at)) >= 0 and (end := text.find(closing, start)) >= 0:
        at = end + len(closing)
        yield text[start + len(opening) : end].strip(), start, at


def calls_of(text: str) -> list[Call | Broken]:
    """Every call of a text, in order."""
    out = list[Call | Broken]()
    for inside, start, end in tagged(text, "tool_call"):
        try:
            value = json.loads(inside)
            name, arguments = value["name"], value.get("arguments") or {}
            if not isinstance(name, str) or not isinstance(arguments, dict):
                raise TypeError("name must be a text and arguments an object")
            out.append(Call(name, arguments, start, end))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
            out.append(Broken(f"it is no call: {e}", start, end))
    if text.count("<tool_call>") > len(out):
        place = text.rindex("<tool_call>")
        out.append(Broken("it never ends", place, len(text)))
    return out


def tools_of(messages: Sequence[Mapping[str, str]]) -> dict[str, Mapping[str, Any]]:
    """The tools a conversation lists in its turns, by name; a line that is no JSON is passed over."""
    out = dict[str, Mapping[str, Any]]()
    for message in messages:
        for block, _, _ in tagged(message["content"], "tools"):
            for line in block.splitlines():
                try:
                    tool = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                tool = tool.get("function", tool) if isinstance(tool, dict) else {}
                if isinstance(tool.get("name"), str):
                    out[tool["name"]] = tool
    return out


def problem_of(call: Call | Broken, tools: Mapping[str, Mapping[str, Any]]) -> tuple[str, str] | None:
    """(kind of ERRORS, what is wrong in words) of a call against the listed tools; None for a good one."""
    if isinstance(call, Broken):
        return "format", call.why
    if call.name not in tools:
        return "unknown tool", f"there is no tool {call.name!r}"
    schema = _mapping(tools[call.name].get("parameters"))
    known, needed = _mapping(schema.get("properties")), schema.get("required")
    needed = needed if isinstance(needed, list) else []
    if missing := [n for n in needed if isinstance(n, str) and n not in call.arguments]:
        return "missing argument", f"{call.name} needs {missing[0]!r}"
    if known and (unknown := [n for n in call.arguments if n not in known]):
        return "unknown argument", f"{call.name} has no argument {unknown[0]!r}"
    for name, value in call.arguments.items():
        kind = _mapping(known.get(name)).get("type")
        expected = KINDS.get(kind) if isinstance(kind, str) else None
        if expected and (not isinstance(value, expected) or (isinstance(value, bool) and kind != "boolean")):  # type: ignore[arg-type]
            return "wrong type", f"{call.name}.{name} is {type(value).__name__}, the tool wants {kind}"
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    """A list of tools is somebody's text: what should be an object and is none says nothing."""
    return value if isinstance(value, Mapping) else {}


def error_of(text: str, gold: str, tools: Mapping[str, Mapping[str, Any]]) -> tuple[str, str] | None:
    """The worst thing wrong with the calls of an answer against those of the gold one: (kind of ERRORS, words); None when
    they are the same calls, in any order within the answer."""
    mine, right = calls_of(text), [c for c in calls_of(gold) if isinstance(c, Call)]
    found = [p for c in mine if (p := problem_of(c, tools or _listed(right)))]
    if found:
        return min(found, key=lambda p: ERRORS.index(p[0]))
    calls = [c for c in mine if isinstance(c, Call)]
    if sorted(c.name for c in calls) != sorted(c.name for c in right):
        said = ", ".join(c.name for c in calls) or "no tool"
        return "wrong tool", f"it calls {said}; right is {', '.join(c.name for c in right) or 'no tool'}"
    if sorted(map(_key, calls)) != sorted(map(_key, right)):
        return "wrong value", "an argument has another value than the right one"
    return None


def _listed(calls: Sequence[Call]) -> dict[str, Mapping[str, Any]]:
    """Where no tools are listed, those of the gold calls with their arguments."""
    return {c.name: {"parameters": {"properties": {n: {} for n in c.arguments}}} for c in calls}


def _key(call: Call) -> str:
    return json.dumps([call.name, dict(call.arguments)], sort_keys=True, ensure_ascii=False)


def compute(call: Call) -> str:
    """What the calculator answers; an error is a text that says so."""
    expression = call.arguments.get("expression")
    outcome = evaluate(expression) if isinstance(expression, str) else None
    if outcome is None or not outcome.ok or outcome.value is None:
        return f"error: {outcome.why if outcome else 'the calculator needs an expression'}"
    return str(outcome.value) if isinstance(outcome.value, int) else f"{outcome.value:.10g}"


def responses_of(text: str) -> list[str]:
    """The results that a turn brings, in order."""
    return [inside for inside, _, _ in tagged(text, "tool_response")]


def response(text: str) -> dict[str, str]:
    """A result as the turn that brings it."""
    return {"role": "user", "content": f"<tool_response>\n{text}\n</tool_response>"}
