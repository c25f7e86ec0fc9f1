"""Trim texts and bring them to one form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from ..split import INVISIBLE
from .base import Context, Log, Row, Step, extra
from .texts import WHERE, Where, texts_of, with_texts

SPACES = re.compile(r"[ \t\u00a0]+")
FORMS = {
    "none": "As it is",
    "NFC": "NFC: one character for a letter and its accent",
    "NFKC": "NFKC: also plain forms of wide and ligature letters",
}


class Clean(Step):
    title: ClassVar[str] = "Clean texts"
    summary: ClassVar[str] = "Trim, remove NUL and invisible characters, one Unicode form, one kind of line end."
    group: ClassVar[str] = "Change texts"

    kind: Literal["clean"] = "clean"
    where: Where = Field(
        "everywhere", title="Clean", description="Which texts of a row.", json_schema_extra=extra(choices=WHERE)
    )
    trim: bool = Field(True, title="Trim", description="No white space at both ends.")
    remove_nul: bool = Field(True, title="Remove NUL characters", description="Many programs end a text there.")
    line_ends: bool = Field(True, title="One kind of line end", description="Windows and old Mac line ends become \\n.")
    invisible: bool = Field(
        False, title="Remove invisible characters", description="Zero-width spaces and joiners, soft hyphens, byte order marks. Some scripts and emoji need joiners."
    )  # fmt: skip
    spaces: bool = Field(
        False, title="One space for many", description="Runs of spaces and tabs; harms code and tables."
    )
    form: Literal["none", "NFC", "NFKC"] = Field(
        "NFC",
        title="Unicode normal form",
        description="The same letter written in one way.",
        json_schema_extra=extra(choices=FORMS),
    )

    @model_validator(mode="after")
    def _something(self) -> Clean:
        if not (self.trim or self.remove_nul or self.line_ends or self.invisible or self.spaces or self.form != "none"):
            raise ValueError("choose at least one thing to clean")
        return self

    def words(self) -> str:
        chosen = [
            name.replace("_", " ")
            for name in ("trim", "remove_nul", "line_ends", "invisible", "spaces")
            if getattr(self, name)
        ]
        return (
            f"Clean {WHERE[self.where].lower()}: {', '.join([*chosen, *([self.form] if self.form != 'none' else [])])}"
        )

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: Any) -> Iterator[Row]:
        for row in rows:
            old = texts_of(row, self.where)
            new = [self.clean(text) for text in old]
            if new == old:
                yield row
            elif (out := log.change(row, with_texts(row, self.where, new), self._why(old), "cleaned")) is not None:
                yield out

    def clean(self, text: str) -> str:
        for _, change in self._changes():
            text = change(text)
        return text

    def _changes(self) -> Iterator[tuple[str, Any]]:
        if self.remove_nul:
            yield "NUL removed", lambda t: t.replace("\0", "")
        if self.line_ends:
            yield "line ends", lambda t: t.replace("\r\n", "\n").replace("\r", "\n")
        if self.invisible:
            yield "invisible characters removed", lambda t: t.translate(INVISIBLE)
        if self.form != "none":
            yield self.form, lambda t: unicodedata.normalize(self.form, t)
        if self.spaces:
            yield "spaces", lambda t: SPACES.sub(" ", t)
        if self.trim:
            yield "trimmed", str.strip

    def _why(self, old: list[str]) -> str:
        said = []
        for name, change in self._changes():
            new = [change(text) for text in old]
            if new != old:
                said.append(name)
            old = new
        return ", ".join(said)
