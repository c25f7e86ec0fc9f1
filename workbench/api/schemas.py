"""What the API takes and gives; OpenAPI is made from this."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict


class Body(Schema):
    """A request body: unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Error(Schema):
    code: str = Field(description="Stable name of what went wrong.")
    message: str = Field(description="What happened, where, and both numbers.")
    field: str | None = None
    hint: str | None = Field(None, description="What to do.")
    retry: bool | None = None
    problems: list[dict[str, Any]] | None = None


class Me(Schema):
    email: str
    team: str
    team_id: UUID
    role: str


class ModelOut(Schema):
    id: UUID
    key: str = Field(description="What a recipe says.")
    title: str
    source: str
    revision: str
    sha256: str
    licence: str
    shared: bool = Field(description="True for the samples that every team sees.")
    facts: dict[str, Any] | None = None


class AddModel(Body):
    model: str = Field(description="Hub id: organisation/name.", max_length=200)
    revision: str = Field("main", max_length=200)
    token: str = Field(
        "", max_length=200, description="For gated models; stored encrypted for the team, never given back."
    )


class VersionOut(Schema):
    number: int
    sha256: str
    counts: dict[str, Any]
    mapping: dict[str, Any]
    created_at: datetime


class DatasetOut(Schema):
    id: UUID
    key: str = Field(description="What a recipe says.")
    title: str
    licence: str
    attribution: str
    shared: bool
    versions: list[VersionOut]


class UploadOut(Schema):
    id: UUID
    filename: str
    findings: dict[str, Any] = Field(
        description="Format, columns, guessed roles with reasons, first rows, problems with remedy."
    )
    origin: dict[str, Any] = Field(default_factory=dict, description="Where the rows come from, with hashes.")


class LookAgain(Body):
    roles: dict[str, str] = Field(default_factory=dict, description="role -> column; empty: as guessed.")
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="part (sheet or file), text (lines, paragraphs), tools (as_text), header, labels, merge_labels, remove_nul, accepted.",
    )


class ImportUpload(Body):
    title: str = Field(min_length=1, max_length=200)
    licence: str = Field("", max_length=200)
    attribution: str = Field("", max_length=4000)
    roles: dict[str, str] = Field(
        default_factory=dict,
        description="role -> column (user, assistant, system, split, id, messages); empty: as guessed.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="Choices and accepted warnings as the findings name them."
    )


class RecipeIn(Body):
    recipe: dict[str, Any] | str = Field(description="A recipe as an object, or as YAML text.")


class RunOut(Schema):
    id: UUID
    number: int
    kind: str
    title: str
    state: str
    state_label: str
    reason: str = Field(description="Why it stands where it stands, in words.")
    phase: str
    progress: dict[str, Any] | None = None
    seconds_left: float | None = None
    attempt: int
    method: str
    teacher: str
    student: str
    gap_closed: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    created_by: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    url: str
    result: str | None = Field(None, description="Address of what the work made: an adapter, a model, a dataset.")


class RunDetail(RunOut):
    recipe: dict[str, Any] | None = None
    recipe_sha256: str
    plan: dict[str, Any] | None = None


class RunList(Schema):
    items: list[RunOut]
    count: int
    page: int
    pages: int


class EventOut(Schema):
    id: int
    type: str
    attempt: int
    at: datetime
    data: dict[str, Any]


class EventList(Schema):
    items: list[EventOut]
    last_id: int = Field(description="Ask again with after=last_id.")
    ended: bool = Field(description="The run has ended and nothing follows.")


class CurveOut(Schema):
    arm: str
    name: str
    title: str
    unit: str
    count: int = Field(description="Measurements before thinning.")
    x: list[int]
    y: list[float]


class FileOut(Schema):
    name: str
    size: int
    sha256: str


class AdapterOut(Schema):
    run_id: UUID
    number: int
    title: str
    method: str
    teacher: str
    student: str
    gap_closed: dict[str, Any] | None = None
    bytes: int
    download: str
    files: list[FileOut] | None = None
