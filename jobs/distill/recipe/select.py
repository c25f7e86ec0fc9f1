"""A stage that chooses which rows the later stages learn from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Strict


class Select(Strict):
    """Keeps a share of the training rows by a score; every row left out is counted and listed with its score."""

    kind: Literal["select"] = "select"
    name: str = Field("select rows", max_length=80)
    method: str = Field(title="Method", description="Id of a selection in the catalogue.")
    keep: float = Field(0.5, gt=0, le=1, title="Keep", description="Share of the rows.")
    text: Literal["answer", "all"] = Field(
        "answer",
        title="Models read",
        description="answer: how likely the answer is after its prompt. all: how likely the whole text is; needs no answers.",
    )
    teacher: str = Field(
        "teacher", max_length=40, title="Teacher", description="teacher, or the name of another teacher of the recipe."
    )
    reference: str = Field(
        "base",
        max_length=40,
        title="Reference",
        description="Whom the teacher is compared with: base is the student without its adapter, student the student as it is "
        "when the stage begins; or the name of another teacher, such as a small model.",
    )
    options: dict[str, float | int | str | bool] = Field(
        default_factory=dict, title="Options", description="The selection's own options."
    )
