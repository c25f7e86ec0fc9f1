"""What the API takes and gives while data come in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ninja import Field, Schema

from .schemas import Body


class StartUpload(Body):
    filename: str = Field(min_length=1, max_length=1000)
    size: int = Field(ge=0, le=2**53, description="Bytes of the whole file.")
    head_sha256: str = Field(
        pattern="^[0-9a-f]{64}$", description="SHA-256 of the first 1 MiB, or of the whole file if it is smaller."
    )
    dataset: UUID | None = Field(None, description="Becomes a new version of this dataset; else a new dataset.")


class UploadPartsOut(Schema):
    id: UUID
    filename: str
    size: int
    received: int = Field(description="Bytes that are here; the next part begins there.")
    part_bytes: int = Field(description="A good size of a part.")
    head_bytes: int = Field(description="How many first bytes recognise the file.")
    dataset_id: UUID | None
    upload_id: UUID | None = Field(description="What it became, once it is finished.")
    expires_at: datetime = Field(description="Forgotten then, unless another part comes.")


class PartOut(Schema):
    received: int


class WholeFile(Body):
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the whole file.")


class Paste(Body):
    text: str = Field(
        min_length=1, max_length=2_000_000, description="CSV, TSV, one JSON object a line, or plain text."
    )
    filename: str = Field("", max_length=300, description="Its ending tells the format; empty: told by the text.")
    dataset: UUID | None = Field(None, description="Becomes a new version of this dataset; else a new dataset.")


class FetchAddress(Body):
    url: str = Field(max_length=2000, description="Of the file itself, http or https. Redirects are not followed.")
    dataset: UUID | None = Field(None, description="Becomes a new version of this dataset; else a new dataset.")


class FetchFromHub(Body):
    id: str = Field(max_length=200, description="Of the dataset on the hub: organisation/name.")
    config: str = Field("", max_length=100, description="Empty: its default configuration.")
    split: str = Field("", max_length=200, description="One, or several with a comma. Empty: all, with a column.")
    revision: str = Field("", max_length=200, description="Branch, tag or commit. Empty: main.")
    token: str = Field("", max_length=200, description="Stored encrypted for the team, never given back.")
    dataset: UUID | None = Field(None, description="Becomes a new version of this dataset; else a new dataset.")


class CopyVersion(Body):
    source: str = Field(max_length=200, description="What a recipe says: the key of any dataset you see.")
    version: int | None = Field(None, ge=1, le=2**31 - 1, description="Empty: the newest.")
    title: str = Field("", max_length=200, description="Of the new dataset.")
    dataset: UUID | None = Field(None, description="Becomes a new version of this dataset; else a new dataset.")


class CopyOut(Schema):
    dataset: UUID
    key: str
    version: int
    sha256: str
    url: str


class TakeOutputs(Body):
    run: UUID
    who: str = Field(
        max_length=80,
        description="teacher, heldout-teacher, heldout-student, heldout-base, heldout-control, or the file of a stage.",
    )
    dataset: UUID | None = Field(None, description="Becomes a new version of this dataset; else a new dataset.")


class OutputOut(Schema):
    run: UUID
    number: int
    title: str
    who: str
    words: str
    rows: int | None
    cut: int | None = Field(description="Answers cut off at the token limit; they are left out.")
