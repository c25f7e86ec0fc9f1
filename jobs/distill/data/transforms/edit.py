"""Change one row by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from ..limits import LIMITS
from .base import Context, Log, Row, Step
from .texts import fields_of, with_fields

TEXTS = ("domain", "rationale", "privileged", "group")


class Edit(Step):
    """Only what is given is changed. An empty text that is meant is given by `clear`."""

    title: ClassVar[str] = "Edit one row"
    summary: ClassVar[str] = "Write a better question, answer, system text, domain or rationale for one row."
    group: ClassVar[str] = "Change texts"

    kind: Literal["edit"] = "edit"
    row_id: str = Field(
        min_length=1,
        max_length=60,
        title="Row id",
        description="As the table of rows and every list of changes show it.",
    )
    question: str = Field(
        "",
        max_length=LIMITS.cell,
        title="Question",
        description="The last turn before the answer.",
        json_schema_extra={"lines": 3},
    )
    answer: str = Field(
        "", max_length=LIMITS.cell, title="Answer", description="Or the label.", json_schema_extra={"lines": 3}
    )
    system: str = Field(
        "",
        max_length=LIMITS.cell,
        title="System text",
        description="Added in front where the row has none.",
        json_schema_extra={"lines": 2},
    )
    domain: str = Field("", max_length=1000, title="Domain", description="The kind or source of the row.")
    rationale: str = Field(
        "",
        max_length=LIMITS.cell,
        title="Rationale",
        description="The reasoning behind the answer.",
        json_schema_extra={"lines": 2},
    )
    privileged: str = Field(
        "",
        max_length=LIMITS.cell,
        title="Privileged text",
        description="Only the teacher reads it.",
        json_schema_extra={"lines": 2},
    )
    group_name: str = Field(
        "", max_length=1000, title="Group", description="Rows of one group stay on one side of the split."
    )
    clear: tuple[Literal["answer", "system", "domain", "rationale", "privileged", "group"], ...] = Field(
        (), title="Remove", description="What is taken away: answer, system, domain, rationale, privileged, group. One a line."
    )  # fmt: skip

    @model_validator(mode="after")
    def _something(self) -> Edit:
        if not (self._new() or self.clear):
            raise ValueError("write what is to change")
        if any("\0" in text for text in self._new().values()):
            raise ValueError("a text contains a NUL character")
        return self

    def _new(self) -> dict[str, str]:
        given = self.model_dump(exclude={"kind", "row_id", "clear"}, exclude_defaults=True)
        return {k.removesuffix("_name"): v for k, v in given.items() if v}

    def words(self) -> str:
        return f"Edit row {self.row_id}: {', '.join([*self._new(), *(f'no {c}' for c in self.clear)])}"

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: Any) -> Iterator[Row]:
        found = False
        for row in rows:
            if row["row_id"] != self.row_id:
                yield row
                continue
            found = True
            if (new := log.change(row, self._edited(row), "edited by hand")) is not None:
                yield new
        if not found:
            log.note(f"There is no row {self.row_id} among these rows.")

    def _edited(self, row: Row) -> Row:
        new, fields = self._new(), fields_of(row)
        messages, answer = [dict(m) for m in row["messages"]], row["answer"]
        if "question" in new:
            messages[-1]["content"] = new["question"]
        has_system = messages[0]["role"] == "system"
        if "system" in new:
            turn = {**dict.fromkeys(messages[0]), "role": "system", "content": new["system"]}
            messages[: 1 if has_system else 0] = [turn]
        elif "system" in self.clear and has_system:
            messages.pop(0)
        if "answer" in new or "answer" in self.clear:
            if "chosen" in fields and fields["chosen"] == answer and "answer" in new:
                fields["chosen"] = new["answer"]
            answer = new.get("answer")
        for name in TEXTS:
            if name in new:
                fields[name] = new[name]
            elif name in self.clear:
                fields.pop(name, None)
        return with_fields({**row, "messages": messages, "answer": answer}, fields)
