"""The texts of a row by where they stand, out and back in, so that every transform means the same by `the answer`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

Row = dict[str, Any]
Where = Literal["everywhere", "prompt", "question", "system", "answer", "beside"]
WHERE = {
    "everywhere": "Everywhere",
    "prompt": "All turns before the answer",
    "question": "The last question",
    "system": "The system turn",
    "answer": "The answer (also chosen, rejected and ranked ones)",
    "beside": "Rationale and privileged text",
}
ANSWERS, BESIDE = ("chosen", "rejected"), ("rationale", "privileged")


def fields_of(row: Row) -> dict[str, Any]:
    """What the row carries beside question and answer; a copy."""
    return dict(json.loads(row["fields"])) if row.get("fields") else {}


def with_fields(row: Row, fields: dict[str, Any]) -> Row:
    return {**row, "fields": json.dumps(fields, ensure_ascii=False) if fields else None}


def field_of(row: Row, name: str) -> str:
    """One field as text, '' where the row has none."""
    value = fields_of(row).get(name) if row.get("fields") else None
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def question(row: Row) -> str:
    """The last turn before the answer."""
    return str(row["messages"][-1]["content"] or "")


def texts_of(row: Row, where: Where) -> list[str]:
    """The texts at these places, in an order that `with_texts` takes them back in."""
    return [text for _, text in _walk(row, where)]


def with_texts(row: Row, where: Where, texts: Sequence[str]) -> Row:
    """The row with these texts at the places `texts_of` took them from."""
    places = list(_walk(row, where))
    if all(old == new for (_, old), new in zip(places, texts, strict=True)):
        return row
    messages, fields, answer = [dict(m) for m in row["messages"]], fields_of(row), row["answer"]
    for (place, _), text in zip(places, texts, strict=True):
        if place[0] == "turn":
            messages[place[1]]["content"] = text
        elif place[0] == "answer":
            answer = text
        elif place[0] == "ranked":
            fields["ranked"] = [text if i == place[1] else t for i, t in enumerate(fields["ranked"])]
        else:
            fields[place[0]] = text
    return with_fields({**row, "messages": messages, "answer": answer}, fields)


def _walk(row: Row, where: Where) -> Iterator[tuple[tuple[str, int], str]]:
    turns = row["messages"]
    if where in ("everywhere", "prompt", "question", "system"):
        for i, turn in enumerate(turns):
            at_end, system = i == len(turns) - 1, turn["role"] == "system"
            if where in ("everywhere", "prompt") or (where == "question" and at_end) or (where == "system" and system):
                yield ("turn", i), turn["content"] or ""
    fields = fields_of(row) if row.get("fields") else {}
    if where in ("everywhere", "answer"):
        if row["answer"] is not None:
            yield ("answer", 0), row["answer"]
        for name in ANSWERS:
            if isinstance(fields.get(name), str):
                yield (name, 0), fields[name]
        for i, text in enumerate(fields.get("ranked") or []):
            yield ("ranked", i), text
    if where in ("everywhere", "beside"):
        for name in BESIDE:
            if isinstance(fields.get(name), str):
                yield (name, 0), fields[name]
