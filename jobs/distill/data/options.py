"""What a person chose on the way from file to rows. Recorded with the version, so that it can be done again."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import DataRefused


class Options(BaseModel):
    """Nothing here is on by itself: text is imported as it stands unless a person says otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: Literal["auto", "yes", "no"] = Field(
        default="auto", title="First line", description="Column names, or already data. auto: found out, and said."
    )
    labels: Literal["as_is", "words"] = Field(
        default="as_is",
        title="Labels",
        description="words: Card_arrival becomes 'card arrival' (underscores to spaces, lower case, no question mark at the end), which a language model says more easily.",
    )
    merge_labels: bool = Field(
        default=False,
        title="Merge labels that look the same",
        description="Labels that differ only by white space, case or invisible characters become the commonest of them.",
    )
    part: str = Field(
        default="",
        max_length=1000,
        title="Sheet or file",
        description="Which sheet of a workbook or file of an archive is read; *: all files of one format. Empty: the first, and asked when there are several.",
    )
    text: Literal["auto", "lines", "paragraphs"] = Field(
        default="auto",
        title="Plain text",
        description="One row a line, or one row a paragraph (blank lines between). auto: lines, and said.",
    )
    tools: Literal["leave_out", "as_text"] = Field(
        default="leave_out",
        title="Tool calls",
        description="leave_out: conversations with tool calls are not imported, and listed. as_text: calls and results are written into the turns as text.",
    )
    task: Literal[
        "", "classification", "extraction", "question_answer", "summary", "translation", "chat", "code", "reasoning"
    ] = Field(
        default="",
        title="Task",
        description="Template of the task: proposes an instruction and a metric, and is kept with the version. Empty: found from the rows.",
    )
    instruction: str = Field(
        default="",
        max_length=20_000,
        title="Instruction",
        description="Text put before each row, with {{variables}} such as {{labels}} or the name of a column. Empty: none, rows stay as they are.",
    )
    place: Literal["system", "user"] = Field(
        default="system",
        title="Where the instruction stands",
        description="system: a system turn, unless the row has one. user: at the start of the first question, for models without system turns.",
    )
    answer: Literal["as_is", "json", "reasoned"] = Field(
        default="as_is",
        title="How the answer is written",
        description="as_is: as the file has it. json: lists and objects become JSON in one line. reasoned: the rationale first, then the answer in a paragraph of its own.",
    )
    remove_nul: bool = Field(default=False, title="Remove NUL characters")
    accepted: tuple[str, ...] = Field(
        default=(), title="Seen and accepted", description="Codes of problems the person accepted."
    )


def parse_options(data: dict[str, Any] | None) -> Options:
    """Options from plain data; raises DataRefused naming the wrong one."""
    try:
        return Options.model_validate(data or {})
    except ValidationError as e:
        err = e.errors(include_url=False)[0]
        field = ".".join(str(p) for p in err["loc"])
        raise DataRefused(f"options.{field}: {err['msg']}.", field=f"options.{field}") from None
