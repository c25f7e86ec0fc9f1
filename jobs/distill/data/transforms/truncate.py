"""Cut texts that are too long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from .base import Context, Log, Row, Step, extra
from .texts import WHERE, Where, texts_of, with_texts


class Truncate(Step):
    """A run can cut prompts by itself when it starts; this cuts the rows, so that every run reads the same."""

    title: ClassVar[str] = "Truncate texts"
    summary: ClassVar[str] = "Cut texts over a length, at the start or the end, at a word where there is one."
    group: ClassVar[str] = "Change texts"

    kind: Literal["truncate"] = "truncate"
    where: Where = Field(
        "question", title="Cut in", description="Each of these texts by itself.", json_schema_extra=extra(choices=WHERE)
    )
    at_most: int = Field(1000, ge=1, le=1_000_000, title="At most", description="Length of what stays.")
    unit: Literal["characters", "tokens"] = Field(
        "characters", title="Counted in", description="tokens: of the model below.",
        json_schema_extra=extra(choices={"characters": "Characters", "tokens": "Tokens"}),
    )  # fmt: skip
    tokenizer: str = Field("", max_length=300, title="Tokens of", description="The model whose tokens are counted.")
    keep: Literal["start", "end"] = Field(
        "start", title="Keep", description="Which end of the text stays.",
        json_schema_extra=extra(choices={"start": "The start", "end": "The end"}),
    )  # fmt: skip
    at_word: bool = Field(
        True, title="Cut at a word", description="Up to 40 characters shorter, so that no word is cut in two."
    )

    @model_validator(mode="after")
    def _has_tokenizer(self) -> Truncate:
        if self.unit == "tokens" and not self.tokenizer:
            raise ValueError("tokenizer: choose the model whose tokens are counted")
        return self

    def words(self) -> str:
        return f"Truncate {WHERE[self.where].lower()} to {self.at_most:,} {self.unit}, keep the {self.keep}"

    def needs(self) -> dict[str, str]:
        return {"tokenizer": self.tokenizer} if self.unit == "tokens" else {}

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: Any) -> Iterator[Row]:
        for row in rows:
            old = texts_of(row, self.where)
            new = [self._cut(text, context) for text in old]
            lost = sum(map(len, old)) - sum(map(len, new))
            if not lost:
                yield row
            elif (
                out := log.change(row, with_texts(row, self.where, new), f"{lost:,} characters cut", "cut")
            ) is not None:
                yield out

    def _cut(self, text: str, context: Context) -> str:
        n = self.at_most
        if self.unit == "tokens":
            offsets = context.reader(self.tokenizer).tokenizer.encode(text, add_special_tokens=False).offsets
            if len(offsets) <= n:
                return text
            n = offsets[n - 1][1] if self.keep == "start" else len(text) - offsets[-n][0]
        if len(text) <= n:
            return text
        return self._start(text, n) if self.keep == "start" else self._end(text, n)

    def _start(self, text: str, n: int) -> str:
        out = text[:n]
        if self.at_word and not text[n].isspace() and (space := out.rfind(" ", max(0, n - 40))) > 0:
            out = out[:space]
        return out.rstrip() if self.at_word else out

    def _end(self, text: str, n: int) -> str:
        start = len(text) - n
        if (
            self.at_word
            and not text[start - 1].isspace()
            and 0 <= (space := text.find(" ", start, start + 40)) < len(text) - 1
        ):
            start = space + 1
        return text[start:].lstrip() if self.at_word else text[start:]
