"""Rename labels, and merge those that mean the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from ..rows import in_words
from ..split import look_alike
from .base import Context, Log, Row, Step
from .matching import shown

MOST = 20_000


class Labels(Step):
    title: ClassVar[str] = "Rename or merge labels"
    summary: ClassVar[str] = "Give labels better names; two labels with one new name become one."
    group: ClassVar[str] = "Labels and roles"
    looks: ClassVar[bool] = True

    kind: Literal["labels"] = "labels"
    names: dict[str, str] = Field(
        default_factory=dict,
        max_length=MOST,
        title="New names",
        description="One a line: old = new. The same new name twice merges the two.",
    )
    merge_alike: bool = Field(
        False,
        title="Merge labels that look the same",
        description="They differ only by case, white space or invisible characters; the commonest stays.",
    )
    in_words: bool = Field(
        False,
        title="Write labels as words",
        description="Card_arrival? becomes card arrival, which a language model says more easily.",
    )

    @model_validator(mode="after")
    def _something(self) -> Labels:
        if not (self.names or self.merge_alike or self.in_words):
            raise ValueError("write at least one new name, or choose what is to be merged")
        if empty := [old for old, new in self.names.items() if not new.strip()]:
            raise ValueError(f"the new name of “{empty[0]}” is empty; drop rows with a filter instead")
        return self

    def words(self) -> str:
        said = [f"{shown(a, 30)} → {shown(b, 30)}" for a, b in list(self.names.items())[:3]]
        said += ["…"] if len(self.names) > 3 else []
        said += ["merge labels that look the same"] if self.merge_alike else []
        return "Rename labels: " + ", ".join([*said, *(["as words"] if self.in_words else [])])

    def look(self, rows: Iterable[Row], context: Context) -> dict[str, str]:
        """Label -> its new name, for those that get one."""
        counted = (
            Counter(r["answer"] for r in rows if r["answer"] is not None)
            if self.merge_alike or self.in_words
            else Counter(self.names)
        )
        named = {label: self.names.get(label, label) for label in counted}
        if self.in_words:
            named = {label: in_words(new) or new for label, new in named.items()}
        if self.merge_alike:
            groups: dict[str, Counter[str]] = {}
            for label, new in named.items():
                groups.setdefault(look_alike(new), Counter())[new] += counted[label]
            best = {alike: min(c, key=lambda n: (-c[n], n)) for alike, c in groups.items()}
            named = {label: best[look_alike(new)] for label, new in named.items()}
        return {label: new for label, new in named.items() if new != label}

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: dict[str, str]) -> Iterator[Row]:
        met = set[str]()
        for row in rows:
            new = seen.get(row["answer"]) if row["answer"] is not None else None
            met.add(row["answer"])
            if new is None:
                yield row
                continue
            why = f"{shown(row['answer'])} → {shown(new)}"
            if (out := log.change(row, {**row, "answer": new}, why)) is not None:
                yield out
        if missing := [label for label in self.names if label not in met]:
            log.note(
                f"No row has the label {shown(missing[0])}"
                + (f" or {len(missing) - 1:,} others of the list." if len(missing) > 1 else ".")
            )
