"""What every part of the catalogue says about itself, whatever it does. Light: no torch.

Objective terms, token weights, selections, sources, teachers, adapters, student shapes and merges are parts: forms, help
pages, the API schema and the command line are made from these fields.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Options of a term: frozen, unknown names refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NoOptions(Options):
    """A term that has nothing to set."""


class Paper(BaseModel):
    """Where a formula was published."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    authors: str
    year: int
    venue: str = ""
    url: str = ""
    arxiv: str | None = None


class Described:
    """A part. Subclasses fill the class fields; `kind` is the folder it belongs to."""

    kind: ClassVar[str]
    id: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    when_to_use: ClassVar[str]
    formula: ClassVar[str]
    paper: ClassVar[Paper | None] = None
    Options: ClassVar[type[BaseModel]] = NoOptions
