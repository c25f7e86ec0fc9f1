"""Find and replace in texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from ..limits import LIMITS, count
from .base import Context, Log, Row, Step, extra
from .matching import batches, shown
from .regex import Pattern
from .texts import WHERE, Where, texts_of, with_texts


class Replace(Step):
    title: ClassVar[str] = "Find and replace"
    summary: ClassVar[str] = "Replace a text or a regular expression; the preview says how often it is found."
    group: ClassVar[str] = "Change texts"

    kind: Literal["replace"] = "replace"
    find: str = Field(
        min_length=1, max_length=1000, title="Find", description="A text as written, or a regular expression."
    )
    replace_with: str = Field(
        "",
        max_length=10_000,
        title="Replace with",
        description="Empty: it is removed. In a regular expression \\1 is the first group.",
    )
    regex: bool = Field(
        False, title="It is a regular expression", description="RE2 syntax, so that none can take forever."
    )
    ignore_case: bool = Field(False, title="Ignore case", description="Find it in capitals and small letters.")
    where: Where = Field(
        "everywhere", title="Look in", description="Which texts of a row.", json_schema_extra=extra(choices=WHERE)
    )

    @model_validator(mode="after")
    def _compiles(self) -> Replace:
        self._pattern()
        return self

    def _pattern(self) -> Pattern:
        return Pattern(self.find, plain=not self.regex, ignore_case=self.ignore_case, replacement=self.replace_with)

    def words(self) -> str:
        return (
            f"Replace {shown(self.find)} with {shown(self.replace_with)}"
            if self.replace_with
            else f"Remove {shown(self.find)}"
        )

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: Any) -> Iterator[Row]:
        pattern, places = self._pattern(), 0
        for batch in batches(rows):
            parts = [texts_of(r, self.where) for r in batch]
            flat = [t for p in parts for t in p]
            hits, texts = iter(pattern.counted(flat)), iter(pattern.replaced(flat))
            for row, part in zip(batch, parts, strict=True):
                n, new = sum(next(hits) for _ in part), [next(texts) for _ in part]
                places += n
                if any(len(t) > LIMITS.cell for t in new):
                    log.drop(row, f"a text would have more than {LIMITS.cell:,} characters")
                elif n == 0:
                    yield row
                elif (
                    out := log.change(row, with_texts(row, self.where, new), count(n, "replacement"), "replaced")
                ) is not None:
                    yield out
        log.note(f"Found in {count(places, 'place')}.")
