"""Read the kept file again with other roles of its columns."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from ...errors import DataRefused
from ..findings import BadRow
from ..load import RowsWriter, iter_rows
from ..options import parse_options
from ..scan import scan
from .base import Context, Log, Row, Step, extra


@dataclass(frozen=True)
class Seen:
    path: Path  # the rows as the new roles read them
    refused: dict[int, BadRow]  # by line


class MapRoles(Step):
    """The rows of this version are replaced by the file's, so it comes first and needs a version made from a file."""

    title: ClassVar[str] = "Map columns again"
    summary: ClassVar[str] = "Read the file as it came with other roles: another answer column, a rationale, a group."
    group: ClassVar[str] = "Labels and roles"
    looks: ClassVar[bool] = True

    kind: Literal["map_roles"] = "map_roles"
    roles: dict[str, str] = Field(
        default_factory=dict, max_length=40, title="Roles", description="One a line: role = column. user = question, assistant = answer, rationale = why, group = document."
    )  # fmt: skip
    labels: Literal["", "as_is", "words"] = Field(
        "", title="Labels", description="As this version has them, as the file writes them, or as words.",
        json_schema_extra=extra(choices={"": "As in this version", "as_is": "As written", "words": "As words"}),
    )  # fmt: skip

    @model_validator(mode="after")
    def _something(self) -> MapRoles:
        if not self.roles:
            raise ValueError("roles: say which column is what, for instance user = question")
        return self

    def needs(self) -> dict[str, str]:
        return {"source": "file"}

    def words(self) -> str:
        return "Map columns: " + ", ".join(f"{role} = {column}" for role, column in self.roles.items())

    def look(self, rows: Iterable[Row], context: Context) -> Seen:
        source = context.source
        if source is None:
            raise DataRefused(
                "This version has no file of its own: its rows were made by other steps.",
                field="roles", hint="Start from the version that was imported; its later steps can be replayed after this one.",
            )  # fmt: skip
        accepted = [
            *source.options.get("accepted", []),
            "no_answers",
            "bad_rows",
            "open_ended",
            "mixed_types",
            "contradiction",
        ]
        given = {**source.options, "accepted": accepted} | ({"labels": self.labels} if self.labels else {})
        writer, refused = RowsWriter(context.folder / "mapped.parquet"), dict[int, BadRow]()

        def keep(bad: BadRow) -> None:
            refused.setdefault(bad.line, bad)

        found = scan(
            source.path, source.filename, self.roles, parse_options(given), good=writer.add, bad=keep
        )  # fmt: skip
        wrong = [p for p in found.problems if p.severity == "refuse"]
        if wrong:
            writer.discard()
            raise DataRefused(wrong[0].message, field="roles", hint=wrong[0].remedy or None)
        writer.close()
        return Seen(writer.path, refused)

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: Seen) -> Iterator[Row]:
        old: dict[int, deque[Row]] = {}
        for row in rows:
            old.setdefault(row["line"], deque()).append(row)
        for new in iter_rows(seen.path):
            before = old.get(new["line"])
            if before:
                if (
                    out := log.change(row := before.popleft(), {**new, "_at": row["_at"]}, "read with other roles")
                ) is not None:
                    yield out
            else:
                yield log.add(
                    {**new, "_at": 0}, f"line {new['line']:,} of the file", "lines of the file that were no rows"
                )
        for line, rest in old.items():
            bad = seen.refused.get(line)
            for row in rest:
                reason = (
                    f"{bad.column}: {bad.reason}"
                    if bad and bad.column
                    else bad.reason
                    if bad
                    else "not a row with these roles"
                )
                log.drop(row, reason, bad.reason if bad else "")
