"""What every transform is: options a person chooses, and a pass over rows that lists each row it drops, changes or adds.

A row is a canonical row (see rows.SCHEMA) as a dict, with one more entry `_at`: its place in the version the steps began
with, from 1; 0 for a row that a step brought in.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from ...errors import DataRefused
from ..split import row_id_of
from . import texts

Row = dict[str, Any]
What = Literal["dropped", "changed", "added"]


@dataclass(frozen=True)
class Change:
    """One row that a step touched, and why. Before is None for an added row, after for a dropped one."""

    step: int  # from 1
    kind: str
    what: What
    reason: str
    before: Row | None
    after: Row | None

    def as_dict(self) -> dict[str, Any]:
        """The line of the list of changes: place and id of the row, reason, the beginning of its texts."""
        row = self.before or self.after or {}
        out = {
            "step": self.step,
            "kind": self.kind,
            "what": self.what,
            "row": row["_at"] or None,
            "line": row["line"],
            "row_id": row["row_id"],
            "reason": self.reason,
            "question": texts.question(row)[:200],
            "answer": (row["answer"] or "")[:200],
        }
        if self.before and self.after:
            out |= {"new_row_id": self.after["row_id"]}
        return out


@dataclass
class Log:
    """Counts what one step does and hands every touched row on."""

    step: int
    kind: str
    sink: Callable[[Change], None]
    rows_in: int = 0
    rows_out: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, Counter[str]] = field(default_factory=dict)  # what -> rule -> rows
    notes: list[str] = field(default_factory=list)

    def drop(self, row: Row, reason: str, rule: str = "") -> None:
        self._tell("dropped", reason, rule, row, None)

    def add(self, row: Row, reason: str, rule: str = "") -> Row:
        """The row, as one that this step brought in."""
        row = {**row, "_at": 0}
        self._tell("added", reason, rule, None, row)
        return row

    def change(self, before: Row, after: Row, reason: str, rule: str = "") -> Row | None:
        """The changed row with the id of its new content, `before` where nothing differs, None where it had to be dropped."""
        after, more = settled(before, after)
        if all(before.get(k) == v for k, v in after.items()):
            return before
        if why := unusable(after):
            self.drop(before, f"{reason}; {why}", why)
            return None
        self._tell("changed", "; ".join([reason, *more]), rule or reason, before, after)
        return after

    def note(self, text: str) -> None:
        self.notes.append(text)

    def _tell(self, what: What, reason: str, rule: str, before: Row | None, after: Row | None) -> None:
        self.counts[what] += 1
        self.reasons.setdefault(what, Counter())[rule or reason] += 1
        self.sink(Change(self.step, self.kind, what, reason, before, after))

    def as_dict(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "kind": self.kind,
            "in": self.rows_in,
            "out": self.rows_out,
            **{what: self.counts[what] for what in ("dropped", "changed", "added")},
            "reasons": [
                {"what": what, "reason": rule, "rows": n}
                for what, rules in self.reasons.items()
                for rule, n in rules.most_common(50)
            ],
            "notes": self.notes,
        }


def settled(before: Row, after: Row) -> tuple[Row, list[str]]:
    """The row as an import would have made it: an empty answer is none, its id fits, spans belong to the answer they were painted on."""
    more = []
    if after["answer"] is not None and not after["answer"].strip():
        after = {**after, "answer": None}
        more.append("its answer is empty now, so it is unlabelled")
    if after["answer"] != before["answer"] and (spans := texts.fields_of(before).get("paint")):
        kept = texts.fields_of(after)
        if kept.pop("paint", None) == spans:
            after = texts.with_fields(after, kept)
            more.append("its painted spans were removed: they belong to the answer as it was")
    if after["messages"] != before["messages"] or after["answer"] != before["answer"]:
        after = {**after, "row_id": row_id_of(after["messages"], after["answer"])}
    return after, more


def unusable(row: Row) -> str:
    """Why no model can be asked this row; empty where one can."""
    if any(m["role"] == "user" and not (m["content"] or "").strip() for m in row["messages"]):
        return "the user's text would be empty"
    if row["fields"]:
        fields = texts.fields_of(row)
        if "rejected" in fields and fields.get("chosen") == fields["rejected"]:
            return "chosen and rejected would be the same"
    return ""


@dataclass(frozen=True)
class SourceFile:
    """The file a version came from, as it came, and how its columns were read."""

    path: Path
    filename: str
    roles: dict[str, str]
    options: dict[str, Any]


@dataclass
class Context:
    """What steps may need beside the rows. Raises DataRefused for what is not there."""

    folder: Path  # for intermediate files
    versions: dict[str, Path] = field(default_factory=dict)  # "key@number" -> rows.parquet
    tokenizers: dict[str, Path] = field(default_factory=dict)  # key of a model -> its folder
    source: SourceFile | None = None
    _readers: dict[str, Any] = field(default_factory=dict)

    def reader(self, key: str) -> Any:
        """Tokenizer and template of a model."""
        if key not in self._readers:
            from ..render import Reader

            if key not in self.tokenizers:
                raise DataRefused(
                    f"There is no model {key} to count tokens with.",
                    field="tokenizer",
                    hint="Choose a model of the library, or count characters.",
                )
            self._readers[key] = Reader(self.tokenizers[key])
        return self._readers[key]

    def version(self, name: str) -> Path:
        if name not in self.versions:
            raise DataRefused(
                f"The rows of {name} are not here.", field="dataset", hint="Choose a version that exists."
            )
        return self.versions[name]


def extra(**more: Any) -> Any:
    """What a form needs beside the schema: choices {value: words}, options [values], lines, hidden."""
    return more


class Step(BaseModel):
    """Base of every transform. Titles and descriptions of its fields are the form, the help and the API's text.

    `looks`: the step reads all rows once before it lets the first one through. `rows` never loses a row in silence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: ClassVar[str]
    summary: ClassVar[str]
    group: ClassVar[str]
    looks: ClassVar[bool] = False

    @cached_property
    def name(self) -> str:
        return str(self.kind)  # type: ignore[attr-defined]  # a Literal of each transform

    def look(self, rows: Iterable[Row], context: Context) -> Any:
        """What `rows` needs to know of all rows, from a pass of its own."""
        return None

    @abstractmethod
    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: Any) -> Iterator[Row]: ...

    def words(self) -> str:
        """The step in a sentence, for lineage and lists."""
        return self.title

    def needs(self) -> dict[str, str]:
        """What it reads beside the rows: {"version": "key@number", "tokenizer": key of a model, "source": "file"}."""
        return {}
