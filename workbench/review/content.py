"""What a reviewer may change of a row: the turns before the answer, the answer, its painted spans."""

from __future__ import annotations

import json
from typing import Any

from jobs.distill.data.paint import Wrong, read_spans
from jobs.distill.errors import DataRefused

from .models import Verdict

LONGEST = 1_000_000  # characters of one text, as at import
Content = dict[str, Any]  # {"messages": [{role, content}], "answer": str | None, "paint": [[start, end, weight]]}


def of_row(row: dict[str, Any]) -> Content:
    """The content of a canonical row as it was imported."""
    fields = json.loads(row.get("fields") or "{}")
    return {
        "messages": [{"role": m["role"], "content": m["content"]} for m in row["messages"]],
        "answer": row["answer"],
        "paint": fields.get("paint") or [],
    }


def checked(content: Content, before: Content) -> Content:
    """The content as it will be stored; raises DataRefused naming the field in words.

    Spans of an answer that was changed are dropped unless they were painted anew: they belong to the answer as it was.
    """
    messages, answer = content.get("messages") or before["messages"], content.get("answer", before["answer"])
    if [m["role"] for m in messages] != [m["role"] for m in before["messages"]]:
        raise DataRefused(
            "A turn was added or taken away.", field="messages", hint="Change the texts of the turns only."
        )
    messages = [
        {"role": m["role"], "content": _text(m["content"], "messages", old["content"])}
        for m, old in zip(messages, before["messages"], strict=True)
    ]
    for n, turn in enumerate(messages, 1):
        if turn["role"] == "user" and not turn["content"].strip():
            raise DataRefused(
                f"Turn {n}: the user's text is empty.", field="messages", hint="Write it, or reject the row."
            )
    answer = None if answer is None or not answer.strip() else _text(answer, "answer", before["answer"])
    spans = content.get("paint", before["paint"])
    if answer != before["answer"] and spans == before["paint"]:
        spans = []
    try:
        paint = read_spans(spans, answer)
    except Wrong as e:
        reason, remedy = e.args
        raise DataRefused(f"{reason[0].upper()}{reason[1:]}.", field="paint", hint=remedy) from None
    return {"messages": messages, "answer": answer, "paint": [list(s) for s in paint or []]}


def verdict_of(new: Content, old: Content, labels: list[str]) -> str:
    """What keeping the row with this content is called."""
    if new["messages"] != old["messages"]:
        return Verdict.EDIT
    if new["answer"] != old["answer"]:
        return Verdict.RELABEL if new["answer"] in labels else Verdict.EDIT
    if _spans(new) != _spans(old):
        return Verdict.PAINT
    return Verdict.ACCEPT


def same(a: Content, b: Content) -> bool:
    return (a["messages"], a["answer"], _spans(a)) == (b["messages"], b["answer"], _spans(b))


def _spans(content: Content) -> list[tuple[float, ...]]:
    return [tuple(s) for s in content["paint"] if s[2] != 1]


def lines(text: str) -> str:
    """The text as a browser's text field gives it back: every line ends with a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _text(text: Any, field: str, before: str | None) -> str:
    """The text, or the one before where they differ in nothing but the ends of lines: no field can keep those."""
    if not isinstance(text, str):
        raise DataRefused("A text is needed.", field=field)
    if before is not None and lines(text) == lines(before):
        return before
    if len(text) > LONGEST:
        raise DataRefused(
            f"A text of {len(text):,} characters; the limit is {LONGEST:,}.", field=field, hint="Shorten it."
        )
    if "\0" in text:
        raise DataRefused("The text contains a NUL character.", field=field, hint="Remove it.")
    return text
