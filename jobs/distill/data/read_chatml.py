"""ChatML written as text: `<|im_start|>role`, text, `<|im_end|>`. A blank line between turns begins a new conversation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .findings import BadRow, Problem, refuse
from .source import Source
from .tables import Record, Table

TURN = re.compile(r"<\|im_start\|>([^\n]*)\n(.*?)<\|im_end\|>(\s*)", re.S)


def table(source: Source, encoding: str) -> Table:
    """Table with one column `messages`; files over the document limit are refused, JSONL is the form for those."""
    if source.size > source.limits.document:
        raise refuse(
            "chatml",
            "Plain text that looks like ChatML, too large to be read as one text.",
            'Convert it to JSONL with {"messages": [...]} a line.',
        )
    out = Table("chatml", ["messages"], lambda: _records(source, encoding))
    out.notes.append(
        Problem(
            "chatml",
            "confirm",
            "Plain text that looks like ChatML; each block between blank lines was read as one conversation.",
        )
    )
    return out


def _records(source: Source, encoding: str) -> Iterator[Record | BadRow]:
    with source.open() as stream:
        text = stream.read(source.limits.document + 1).decode(encoding, "replace").replace("\r\n", "\n")
    turns: list[dict[str, str]] = []
    at = begin = 0
    for match in TURN.finditer(text):
        if between := text[at : match.start()].strip():
            yield BadRow(
                text.count("\n", 0, at) + 1,
                f"text outside a turn: {between[:40]!r}",
                "Put it between <|im_start|>role and <|im_end|>.",
            )
        begin = begin if turns else match.start()
        turns.append({"role": match.group(1).strip(), "content": match.group(2).removesuffix("\n")})
        at = match.end()
        if match.group(3).count("\n") > 1 or at == len(text):
            yield Record(text.count("\n", 0, begin) + 1, {"messages": turns})
            turns = []
    if turns:
        yield Record(text.count("\n", 0, begin) + 1, {"messages": turns})
    if rest := text[at:].strip():
        yield BadRow(
            text.count("\n", 0, at) + 1, f"a turn that does not close: {rest[:40]!r}", "End it with <|im_end|>."
        )
