"""Rows of another version: below these, or beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from ...errors import DatasetChanged
from ..families import GROUP
from ..limits import count
from ..load import iter_rows
from .base import Context, Log, Row, Step, extra
from .texts import fields_of, question, with_fields

TEXTS = ("answer", "domain", "rationale", "privileged", "group", "rejected")
SAME = ("weight", "ranked", "chosen", "split")  # taken under their own name only
HOW = {"append": "Below: all its rows are added", "by_id": "Beside: matching rows give columns"}
ON = {
    "source_id": "The id column of both files",
    "row_id": "The same content (row id)",
    "question": "The same question as it looks",
}
EXISTING = {"keep": "Keep what the row has", "replace": "Take the other version's"}


class Join(Step):
    title: ClassVar[str] = "Join another version"
    summary: ClassVar[str] = (
        "Add the rows of another version, or take its answers, rationales or privileged texts by id."
    )
    group: ClassVar[str] = "Bring in"
    looks: ClassVar[bool] = True

    kind: Literal["join"] = "join"
    dataset: str = Field(
        min_length=1, max_length=200, title="Dataset", description="Its name in recipes, for instance sample/banking77."
    )
    version: int = Field(1, ge=1, title="Version", description="Its number; versions never change.")
    sha256: str = Field(
        "",
        pattern="^([0-9a-f]{64})?$",
        title="Content hash",
        description="Filled in when the step is made; another content is refused.",
        json_schema_extra={"hidden": True},
    )
    how: Literal["append", "by_id"] = Field(
        "append",
        title="How",
        description="Its rows come below, or give columns to rows that match.",
        json_schema_extra=extra(choices=HOW),
    )
    on: Literal["source_id", "row_id", "question"] = Field(
        "source_id", title="Rows match by", description="Only for beside.", json_schema_extra=extra(choices=ON)
    )
    take: tuple[str, ...] = Field(
        (),
        title="Take",
        description=f"Only for beside; one a line: {', '.join((*TEXTS, *SAME))}; answer=rationale takes its answer as the rationale.",
    )
    existing: Literal["keep", "replace"] = Field(
        "keep",
        title="Where a row has it already",
        description="Only for beside.",
        json_schema_extra=extra(choices=EXISTING),
    )

    @field_validator("take")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            source, _, target = one.partition("=")
            allowed = TEXTS if target else (*TEXTS, *SAME)
            if source not in (*allowed, "question") or (target or source) not in allowed:
                raise ValueError(
                    f"“{one}” cannot be taken; write one of {', '.join((*TEXTS, *SAME))}, or answer=rationale"
                )
        return value

    @model_validator(mode="after")
    def _something(self) -> Join:
        if self.how == "by_id" and not self.take:
            raise ValueError("take: say what is taken from the other version, for instance rationale")
        return self

    @property
    def name_of_version(self) -> str:
        return f"{self.dataset}@{self.version}"

    def needs(self) -> dict[str, str]:
        return {"version": self.name_of_version}

    def words(self) -> str:
        if self.how == "append":
            return f"Add the rows of {self.dataset}, version {self.version}"
        return f"Take {', '.join(self.take)} from {self.dataset}, version {self.version}, by {ON[self.on].lower()}"

    def look(self, rows: Iterable[Row], context: Context) -> dict[str, dict[str, Any]]:
        """key -> what the other version gives, for matching; checks the content hash. Raises DatasetChanged."""
        path = context.version(self.name_of_version)
        self._check(path)
        if self.how == "append":
            return {}
        taken: dict[str, dict[str, Any]] = {}
        for row in iter_rows(path):
            if (key := self._key(row)) is not None and (values := self._values(row)):
                taken.setdefault(key, values)
        return taken

    def _check(self, path: Any) -> None:
        from ..verbs import file_sha256

        if self.sha256 and (found := file_sha256(path)) != self.sha256:
            raise DatasetChanged(
                f"{self.dataset} version {self.version} has the hash {found[:12]}…, the step was made for {self.sha256[:12]}….",
                field="sha256", hint="Make the step again with the present version.",
            )  # fmt: skip

    def _key(self, row: Row) -> str | None:
        if self.on == "source_id":
            return row.get("source_id") or None
        return str(row["row_id"]).partition(".")[0] if self.on == "row_id" else str(row["row_id"][:GROUP])

    def _values(self, row: Row) -> dict[str, Any]:
        """target -> value, of those that the other row has."""
        fields, out = fields_of(row), {}
        for one in self.take:
            source, _, target = one.partition("=")
            value = {"answer": row["answer"], "question": question(row), "split": row["split"]}.get(
                source, fields.get(source)
            )
            if value not in (None, ""):
                out[target or source] = value
        return out

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: dict[str, dict[str, Any]]) -> Iterator[Row]:
        if self.how == "append":
            yield from self._appended(rows, log, context)
            return
        matched, without = set[str](), 0
        for row in rows:
            key = self._key(row)
            if key is None or (values := seen.get(key)) is None:
                without += 1
                yield row
                continue
            matched.add(key)
            new, names = self._joined(row, values)
            if (out := log.change(row, new, f"took {', '.join(names)}" if names else "nothing new")) is not None:
                yield out
        log.note(
            f"{count(log.rows_in - without, 'row')} of {log.rows_in:,} found a match; {count(len(seen) - len(matched), 'row')} of the other version matched none."
        )

    def _joined(self, row: Row, values: dict[str, Any]) -> tuple[Row, list[str]]:
        fields, out, names = fields_of(row), dict(row), []
        for name, value in values.items():
            old = row[name] if name in ("answer", "split") else fields.get(name)
            if (old not in (None, "") and self.existing == "keep") or old == value:
                continue
            names.append(name)
            if name in ("answer", "split"):
                out[name] = value
            else:
                fields[name] = value
        if "rejected" in fields and "chosen" not in fields and out["answer"]:
            fields["chosen"] = out["answer"]
        return with_fields(out, fields), names

    def _appended(self, rows: Iterable[Row], log: Log, context: Context) -> Iterator[Row]:
        here = set[str]()
        for row in rows:
            here.add(str(row["row_id"]).partition(".")[0])
            yield row
        copies, path = 0, context.version(self.name_of_version)
        for n, row in enumerate(iter_rows(path), 1):
            copies += str(row["row_id"]).partition(".")[0] in here
            yield log.add(
                {"_at": 0, **row},
                f"row {n:,} of {self.dataset} version {self.version}",
                f"from {self.dataset} version {self.version}",
            )
        if copies:
            log.note(
                f"{count(copies, 'added row is a copy', 'added rows are copies')} of a row that was here; remove duplicates after this step to keep one."
            )
