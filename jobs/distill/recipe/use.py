"""How the finished student answers: by several adapters or paths together, with a look into a file, with tools."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from .base import Strict

NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._,()'-]{0,79}$"


class Use(Strict):
    """From here on the student answers in this way when it is scored; what it needs beside its adapter is exported with it."""

    kind: Literal["use"] = "use"
    name: str = Field("use", pattern=NAME)
    how: str = Field(title="How it answers", description="Id of a way of answering of the catalogue.")
    options: dict[str, JsonValue] = Field(default_factory=dict, title="Options")
    max_new_tokens: int | None = Field(
        None, ge=1, le=32768, title="Longest text (tokens)", description="Of each step; empty: as for answers."
    )
    temperature: float = Field(
        0.7, ge=0, le=5, title="Sampling temperature", description="Where several texts are compared."
    )
