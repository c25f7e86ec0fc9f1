"""Conversations with tools as plain conversations: calls, results and the list of tools written into the turns as text.

The form is the one most open models were trained on: <tool_call> and <tool_response> around JSON, results as a user turn,
the tools in the system turn between <tools> marks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import strict_json
from .answering import as_json
from .findings import BadRow, Change
from .strict_json import NotJson, Number
from .tables import Record

RESULTS = ("tool", "function", "observation")
CALLS = "function_call"  # the name ShareGPT gives to a turn that is a call
Turn = dict[str, Any]


def as_text(records: Callable[[], Iterator[Record | BadRow]]) -> Callable[[], Iterator[Record | BadRow]]:
    """The same records; each one whose conversation has tools carries what was written anew."""

    def written() -> Iterator[Record | BadRow]:
        for record in records():
            yield _written(record) if isinstance(record, Record) else record

    return written


def _written(record: Record) -> Record:
    column = next((c for c, v in record.values.items() if _is_talk(v)), None)
    if column is None:
        return record
    before = record.values[column]
    after = _with_tools(_turns(before), record.values.get("tools"))
    if after == before:
        return record
    change = Change(record.line, column, "tool calls as text", _short(before), _short(after), record.part)
    return Record(record.line, {**record.values, column: after}, record.part, (*record.changes, change))


def _is_talk(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(t, dict) and _role(t) for t in value)


def _role(turn: Turn) -> str:
    return str(turn.get("role", turn.get("from")) or "")


def _turns(turns: list[Turn]) -> list[Turn]:
    """Calls become text of the assistant; results become one user turn, however many there are in a row."""
    out: list[Turn] = []
    for turn in turns:
        role, key = _role(turn), "content" if "content" in turn or "value" not in turn else "value"
        said = turn.get(key)
        if role in RESULTS:
            text = f"<tool_response>\n{_json(said)}\n</tool_response>"
            if out and out[-1].get("results"):
                out[-1]["content"] += f"\n{text}"
            else:
                out.append({"role": "user", "content": text, "results": True})
        elif role == CALLS:
            out.append({"role": "assistant", "content": _call(said)})
        elif calls := _calls(turn):
            rest = {k: v for k, v in turn.items() if k not in ("tool_calls", "function_call", key)}
            before = f"{said}\n" if isinstance(said, str) and said.strip() else ""
            out.append({**rest, key: before + "\n".join(calls)})
        else:
            out.append(turn)
    return [{k: v for k, v in t.items() if k != "results"} for t in out]


def _calls(turn: Turn) -> list[str]:
    found = turn.get("tool_calls") or ([turn["function_call"]] if turn.get("function_call") else [])
    return (
        [_call(c.get("function", c) if isinstance(c, dict) else c) for c in found if c]
        if isinstance(found, list)
        else []
    )


def _call(value: Any) -> str:
    """A call as JSON of its name and arguments; arguments that are JSON in a text are opened."""
    if isinstance(value, dict) and "name" in value:
        value = {"name": value["name"], "arguments": _opened(value.get("arguments", {}))}
    return f"<tool_call>\n{_json(value)}\n</tool_call>"


def _with_tools(turns: list[Turn], tools: Any) -> list[Turn]:
    """The tools of the row in its system turn, which is made when there is none."""
    listed = _opened(tools)
    if not listed:
        return turns
    text = "You may call these tools:\n<tools>\n" + "\n".join(
        map(_json, listed if isinstance(listed, list) else [listed])
    )
    text += "\n</tools>"
    if turns and _role(turns[0]) in ("system", "developer"):
        key = "content" if "content" in turns[0] else "value"
        return [{**turns[0], key: f"{turns[0].get(key) or ''}\n\n{text}".strip()}, *turns[1:]]
    return [{"role": "system", "content": text}, *turns]


def _opened(value: Any) -> Any:
    """A text that is JSON as what it says; anything else as it is."""
    try:
        return strict_json.parse(value) if isinstance(value, str) and not isinstance(value, Number) else value
    except NotJson:
        return value


def _json(value: Any) -> str:
    """JSON in one line with numbers as written; a text as it is, and so are parts that are texts."""
    if isinstance(value, list) and value and all(isinstance(p, dict) and isinstance(p.get("text"), str) for p in value):
        return "\n".join(p["text"] for p in value)
    return value if isinstance(value, str) else as_json(value)


def _short(turns: Any) -> str:
    text = as_json(turns)
    return text if len(text) <= 500 else f"{text[:500]} … ({len(text):,} characters)"
