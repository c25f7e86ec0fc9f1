"""Stages that make the rows: texts written by a model, checks of them, preferences between them, rounds, a person's gate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from .base import Strict

NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._,()'-]{0,79}$"
Option = JsonValue


class PromptText(Strict):
    """What a model is asked, with `{{variables}}` of the writer."""

    system: str = Field(
        "",
        max_length=20_000,
        title="System",
        description="Empty: no system turn.",
        json_schema_extra={"format": "prose"},
    )
    user: str = Field(min_length=1, max_length=60_000, title="Question", json_schema_extra={"format": "prose"})


class Write(Strict):
    """A model writes: answers, reasons, programs, new questions, other wordings. Each row made keeps where it came from."""

    kind: Literal["write"] = "write"
    name: str = Field("write", pattern=NAME)
    writer: str = Field(title="What is written", description="Id of a writer of the catalogue.")
    options: dict[str, Option] = Field(default_factory=dict, title="Options", description="The writer's own options.")
    by: str = Field(
        "teacher",
        max_length=40,
        title="Who writes",
        description="teacher, another teacher of the recipe, student (as it is when the stage begins), base (the student without its adapter), or the name of an earlier training stage: the student as that ended.",
    )
    rows: Literal["all", "data", "questions", "labelled", "unlabelled", "written", "unsure", "wrong", "right"] = Field(
        "all",
        title="From which rows",
        description="data: the rows of the data, whatever stages before made of them. questions: each different question of the rows as they are, once. written: rows an earlier stage made. unsure: unlabelled rows, those first whose own answer the student, as it is now, finds "
        "least likely. wrong, right: labelled rows that it answers wrongly or rightly.",
    )
    tasks: list[str] = Field(
        default_factory=list,
        max_length=100,
        title="Tasks",
        description="Only rows that were written for one of these tasks; empty: all.",
    )
    limit: int | None = Field(None, ge=1, title="At most", description="Rows to start from; a stratified sample.")
    keep: Literal["replace", "add", "only"] = Field(
        "replace",
        title="What becomes of the rows",
        description="replace: a written row takes the place of the row it came from. add: it joins them. only: the later stages see written rows alone.",
    )
    prompts: dict[str, PromptText] = Field(
        default_factory=dict,
        title="Prompts",
        description="Instead of the writer's own, by the name of its step. Unknown variables are refused.",
    )
    candidates: int = Field(1, ge=1, le=64, title="Candidates", description="How many times each row is written.")
    temperature: float = Field(0.0, ge=0, le=5, title="Sampling temperature", description="0: greedy.")
    top_p: float = Field(1.0, gt=0, le=1, title="Top p")
    max_new_tokens: int = Field(256, ge=1, le=32768, title="Longest text (tokens)")
    batch_size: int = Field(64, ge=1, le=4096, title="Batch", description="Of a model in memory.")


class Check(Strict):
    """One verifier with its options."""

    type: str = Field(title="Check", description="Id of a verifier of the catalogue.")
    options: dict[str, Option] = Field(default_factory=dict, title="Options")
    by: str = Field("teacher", max_length=40, title="Who is asked", description="For checks that ask or read a model.")


class Verify(Strict):
    """Rows are kept that pass every check; the others are counted and listed with the reason."""

    kind: Literal["verify"] = "verify"
    name: str = Field("verify", pattern=NAME)
    checks: list[Check] = Field(min_length=1, max_length=20, title="Checks")
    rows: Literal["written", "all"] = Field(
        "written", title="Which rows", description="written: those a stage made; rows of the data pass."
    )
    tasks: list[str] = Field(
        default_factory=list,
        max_length=100,
        title="Tasks",
        description="Only rows that were written for one of these tasks; empty: all.",
    )
    fails: Literal["drop", "mark"] = Field(
        "drop", title="Rows that fail", description="mark: kept with what was found, for later stages to choose by."
    )
    keep: Literal["all", "first", "best"] = Field(
        "all",
        title="Of several that pass",
        description="Of the candidates for one question: all, the first, or the one with the highest score of the last check.",
    )
    restore: bool = Field(
        False,
        title="Fall back to the data",
        description="A question of which no written answer passes gets its gold answer back, where it had one.",
    )
    sample: int = Field(
        50, ge=1, le=10_000, title="Sample", description="The stage stops when none of so many rows passes."
    )


class Prefer(Strict):
    """Pairs or rankings are made of the answers to one question, by a rule."""

    kind: Literal["prefer"] = "prefer"
    name: str = Field("prefer", pattern=NAME)
    rule: str = Field(title="Rule", description="Id of a preference rule of the catalogue.")
    options: dict[str, Option] = Field(default_factory=dict, title="Options")
    by: str = Field("teacher", max_length=40, title="Who is asked", description="For rules that ask a judge.")
    keep: Literal["add", "only"] = Field(
        "only", title="What becomes of the rows", description="only: the later stages see the pairs alone."
    )


class Stop(Strict):
    """When the rounds of a loop end before their number."""

    gap_closed: float | None = Field(
        None, gt=0, le=2, title="Gap closed", description="Enough: stop when it is reached."
    )
    patience: int = Field(
        2, ge=1, le=20, title="Patience (rounds)", description="Stop after so many rounds without a gain."
    )
    gain: float = Field(
        0.0, ge=0, le=1, title="Least gain", description="Of gap closed; what a round must bring to count as one."
    )
    worth: float | None = Field(
        None,
        ge=0,
        le=1,
        title="Worth of 1,000 rows",
        description="Of the score: stop when the fitted learning curve says that 1,000 more rows buy less, its interval included.",
    )
    nothing_new: bool = Field(True, title="Nothing to ask", description="Stop when a round makes no new rows.")


class Review(Strict):
    """The run waits until a person has looked at the rows at the review desk."""

    kind: Literal["review"] = "review"
    name: str = Field("review", pattern=NAME)
    share: float = Field(1.0, gt=0, le=1, title="Share of the rows", description="Drawn by hash; the others pass.")
    note: str = Field("", max_length=2000, title="What to look at", description="Shown at the desk.")
