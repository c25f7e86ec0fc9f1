"""What the API takes and gives about transforms."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

from .schemas import Body


class TransformKind(Schema):
    kind: str
    title: str
    summary: str
    group: str
    options: dict[str, Any] = Field(description="JSON schema; titles and descriptions are the form's and the manual's.")


class Replay(Body):
    dataset: UUID
    version: int = Field(ge=1)


class StepsIn(Body):
    steps: list[dict[str, Any]] = Field(
        default_factory=list, max_length=100, description="Each with its `kind` and options, in order. See /transforms."
    )
    yaml: str | None = Field(
        None, max_length=5_000_000, description="Instead of steps: the same list as YAML or JSON text."
    )
    replay: Replay | None = Field(None, description="Instead of steps: those that made this version, done again here.")


class TransformIn(StepsIn):
    title: str = Field("", max_length=200, description="Makes a dataset of this name instead of the next version.")


class Preview(Schema):
    before: int = Field(description="Rows that were looked at.")
    after: int
    total: int = Field(description="Rows of the version.")
    complete: bool
    steps: list[dict[str, Any]] = Field(description="Per step: in, out, dropped, changed, added, reasons, notes.")
    examples: list[dict[str, Any]] = Field(description="Rows with marked texts: same, old, new.")
    refusal: dict[str, Any] | None = Field(None, description="Why no version can be made of it.")


class Change(Schema):
    step: int
    kind: str
    what: str
    row: int | None = Field(None, description="Number of the row in the version the steps began with.")
    line: int | None = None
    row_id: str
    new_row_id: str | None = None
    reason: str
    question: str = ""
    answer: str = ""


class Changes(Schema):
    rows: list[Change]
    matching: int
    page: int
    pages: int


class Diff(Schema):
    counts: dict[str, int] = Field(description="changed, added, removed, same.")
    matching: int
    rows: list[dict[str, Any]]
    searched: int | None = Field(None, description="Rows that were searched for the text, where there are more.")
    page: int
    pages: int


class LineageNode(Schema):
    number: int
    sha256: str
    rows: int
    parent: str | None = Field(None, description="key@number; none for a version made from a file.")
    joined: list[str]
    steps: list[dict[str, Any]]
    words: list[str]
    changes: list[dict[str, Any]]
    created_at: datetime
