"""Drop rows by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..limits import count
from .base import Context, Log, Row, Step


class Drop(Step):
    title: ClassVar[str] = "Drop rows"
    summary: ClassVar[str] = "Leave out rows by their ids, with a reason that is kept."
    group: ClassVar[str] = "Choose rows"

    kind: Literal["drop"] = "drop"
    row_ids: tuple[str, ...] = Field(
        min_length=1, max_length=100_000, title="Row ids", description="As the table of rows shows them, one a line."
    )
    reason: str = Field(
        "chosen by hand",
        max_length=300,
        title="Reason",
        description="Stands beside each of them in the list of changes.",
    )

    def words(self) -> str:
        return f"Drop {count(len(set(self.row_ids)), 'row')}: {self.reason}"

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: Any) -> Iterator[Row]:
        missing = set(self.row_ids)
        wanted = frozenset(missing)
        for row in rows:
            if row["row_id"] in wanted:
                missing.discard(row["row_id"])
                log.drop(row, self.reason)
            else:
                yield row
        if missing:
            log.note(f"{count(len(missing), 'id is', 'ids are')} not among these rows, for instance {min(missing)}.")
