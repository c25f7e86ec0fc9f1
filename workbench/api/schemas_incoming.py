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
