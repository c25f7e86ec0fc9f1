"""ChatML written as text: `<|im_start|>role`, text, `<|im_end|>`. A blank line between turns begins a new conversation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .findings import BadRow, Problem, refuse
from .source import Source
from .tables import Record, Table

START, END, SPACE = "<|im_start|>", "<|im_end|>", re.compile(r"\s*")


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
    line = _Lines(text)
    turns: list[dict[str, str]] = []
    at = begin = 0  # begin: the line of the conversation's first turn
    for start, turn, end, gap in _turns(text):
        if between := text[at:start].strip():
            yield BadRow(
                line.at(at),
                f"text outside a turn: {between[:40]!r}",
                "Put it between <|im_start|>role and <|im_end|>.",
            )
        begin = begin if turns else line.at(start)
        turns.append(turn)
        at = end
        if gap > 1 or at == len(text):
            yield Record(begin, {"messages": turns})
            turns = []
    if turns:
        yield Record(begin, {"messages": turns})
    if rest := text[at:].strip():
        yield BadRow(line.at(at), f"a turn that does not close: {rest[:40]!r}", "End it with <|im_end|>.")


def _turns(text: str) -> Iterator[tuple[int, dict[str, str], int, int]]:
    """(where it starts, the turn, where the next text begins, line breaks before that), in one walk through the text. A turn
    starts at the last mark before its end: one that never closed is text outside, not the beginning of its neighbour."""
    at = 0
    while (end := text.find(END, at)) >= 0:
        start, past = text.rfind(START, at, end), SPACE.match(text, end + len(END)).end()  # type: ignore[union-attr]
        role = text.find("\n", start, end)
        at = past
        if start >= 0 and role >= 0:
            turn = {"role": text[start + len(START) : role].strip(), "content": text[role + 1 : end].removesuffix("\n")}
            yield start, turn, past, text.count("\n", end, past)


class _Lines:
    """Numbers of lines, from 1, of places that only go on."""

    def __init__(self, text: str) -> None:
        self.text, self.place, self.line = text, 0, 1

    def at(self, place: int) -> int:
        self.line += self.text.count("\n", self.place, place)
        self.place = place
        return self.line
