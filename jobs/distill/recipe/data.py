"""Which rows a run learns from and is judged on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Strict


class Data(Strict):
    """Which rows. In a run folder they are `data/rows.parquet`: row_id, messages, answer (null: unlabelled), split, line."""

    dataset: str | None = Field(None, title="Dataset", description="Dataset of the library.")
    version: int | None = Field(None, ge=1, title="Version")
    file: str | None = Field(
        None, title="File", description="A JSONL, CSV, TSV or Parquet file, for runs without the web app."
    )
    sha256: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        title="Content hash",
        description="The run is refused when the data no longer match it.",
    )
    roles: dict[str, str] = Field(
        default_factory=dict,
        title="Roles",
        description="role -> column: system, user, assistant, messages, split, id, domain, weight, rationale, chosen, rejected, ranked, "
        "privileged, group, soft. Empty: found automatically.",
    )
    heldout: float = Field(
        0.1,
        gt=0,
        lt=1,
        title="Held-out share",
        description="Share of labelled rows kept for evaluation, by hash of the row, when the data carry no split of their own.",
    )
    limit: int | None = Field(
        None, ge=1, title="Use at most", description="Rows; a stratified sample by label is taken, never the first n."
    )
    max_length: int | None = Field(
        None,
        ge=8,
        le=1_000_000,
        title="Longest row (tokens)",
        description="Default: the smaller context of teacher and student.",
    )
    too_long: Literal["drop", "truncate"] = Field(
        "drop",
        title="Rows that are longer",
        description="drop: left out, counted and listed. truncate: the prompt is cut on the left, the answer never.",
    )
