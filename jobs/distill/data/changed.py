"""Which texts an import changed on their way from the file to the rows: each is counted, listed, and can be downloaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .answering import answer_column, as_json
from .findings import BadRow, Change, Findings, Problem
from .limits import count
from .options import Options
from .rows import SPEAKERS, Row, in_words
from .tables import Record

SHOWN = 100  # changes kept with the findings
CUT = 500  # characters of a text before and after


@dataclass
class Changes:
    """Sees each good row beside its record. `sink` takes every change; `first` keeps the first ones for the page."""

    roles: dict[str, str]
    options: Options
    encoding: str
    sink: Callable[[Change], None] | None = None
    rows: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first: list[Change] = field(default_factory=list)

    def see(self, record: Record, row: Row) -> None:
        found = [*record.changes, *self._answer(record, row)]
        if row.remarks:
            found += _turns(record, self.roles.get("messages", ""))
        if self.encoding == "Windows-1252":
            found += self._decoded(record)
        self.rows += bool(found)
        for change in found:
            self.kinds[change.what] += 1
            if len(self.first) < SHOWN:
                self.first.append(change)
            if self.sink:
                self.sink(change)

    def conclude(self, found: Findings) -> None:
        """Adds the count, the first changes and a sentence to the findings."""
        found.counts["changed"], found.changed = self.rows, self.first
        if self.rows:
            said = ", ".join(f"{what} ({n:,})" for what, n in self.kinds.most_common())
            found.problems.append(
                Problem(
                    "changed",
                    "note",
                    f"{count(self.rows, 'row')} changed on the way: {said}. Each is listed with its text before and after.",
                    count=self.rows,
                )
            )

    def _answer(self, record: Record, row: Row) -> Iterator[Change]:
        column = answer_column(self.roles) or self.roles.get("messages") or self.roles.get("chosen") or ""
        before = record.values.get(column)
        before = before if isinstance(before, str) else row.said or _last_said(before)
        if not before or before == (row.answer or ""):
            return
        after = row.answer or ""
        if not after:
            what = "answer not trained: weight 0" if "weight 0" in row.remarks else "blank answer taken as none"
        elif self.options.labels == "words" and after == in_words(before):
            what = "label in words"
        elif self.options.merge_labels and len(after) <= len(before) + 40 and self.options.answer == "as_is":
            what = "label merged"
        else:
            what = "answer written anew"
        yield _change(record, column, what, before, after)

    def _decoded(self, record: Record) -> Iterator[Change]:
        for column in self.roles.values():
            text = record.values.get(column)
            if isinstance(text, str) and not text.isascii():
                bytes_of = text.encode("cp1252", "replace").decode("ascii", "backslashreplace")
                yield _change(record, column, "read as Windows-1252", bytes_of, text)


def _last_said(turns: Any) -> str:
    """What the last turn of a conversation says."""
    turn = turns[-1] if isinstance(turns, list) and turns else None
    said = turn.get("content", turn.get("value")) if isinstance(turn, dict) and _speaks(turn) else None
    return said if isinstance(said, str) else ""


def _speaks(turn: dict[str, Any]) -> bool:
    return SPEAKERS.get(str(turn.get("role", turn.get("from"))).strip().lower()) == "assistant"


def _turns(record: Record, column: str) -> Iterator[Change]:
    """Turns whose content stood in parts: joined with line breaks."""
    turns = record.values.get(column)
    for turn in turns if isinstance(turns, list) else []:
        parts = turn.get("content", turn.get("value")) if isinstance(turn, dict) else None
        if isinstance(parts, list) and len(parts) > 1:
            texts = [p.get("text", p.get("value")) if isinstance(p, dict) else p for p in parts]
            joined = "\n".join(str(t) for t in texts)
            yield _change(record, column, "parts joined", as_json(parts), joined)


def without_nul(records: Callable[[], Iterator[Record | BadRow]]) -> Callable[[], Iterator[Record | BadRow]]:
    """The same records without NUL characters; each record carries what was removed."""

    def cleaned() -> Iterator[Record | BadRow]:
        for record in records():
            yield _cleaned(record) if isinstance(record, Record) else record

    return cleaned


def _cleaned(record: Record) -> Record:
    changes, values = [], {}
    for column, value in record.values.items():
        values[column] = _removed(value)
        if values[column] != value:
            before = value if isinstance(value, str) else as_json(value)
            after = values[column] if isinstance(value, str) else as_json(values[column])
            changes.append(_change(record, column, "NUL removed", before.replace("\0", "\\u0000"), after))
    return Record(record.line, values, record.part, tuple(changes)) if changes else record


def _removed(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "") if "\0" in value else value
    if isinstance(value, list):
        return [_removed(v) for v in value]
    return {k: _removed(v) for k, v in value.items()} if isinstance(value, dict) else value


def _change(record: Record, column: str, what: str, before: str, after: str) -> Change:
    return Change(record.line, column, what, _cut(before), _cut(after), record.part)


def _cut(text: str) -> str:
    return text if len(text) <= CUT else f"{text[:CUT]} … ({len(text):,} characters)"
