"""What reviewers decided about single rows: kept as they are, changed, painted, or left out with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...errors import DataRefused
from ..limits import LIMITS, count
from ..paint import Wrong, read_spans
from .base import Context, Log, Row, Step
from .texts import fields_of, with_fields

MOST = 20_000
WORDS = {"accept": "accepted", "edit": "edited", "relabel": "relabelled", "paint": "painted", "reject": "rejected"}


class Turn(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    role: Literal["system", "user", "assistant"]
    content: str = Field(max_length=LIMITS.cell)


class Decided(BaseModel):
    """One row and what became of it; what is not given stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    place: int = Field(ge=1, description="Number of the row in the version that was reviewed.")
    row_id: str = Field(max_length=80)
    verdict: Literal["accept", "edit", "relabel", "paint", "reject"]
    messages: tuple[Turn, ...] | None = None
    answer: str | None = Field(None, max_length=LIMITS.cell)
    clear_answer: bool = Field(False, description="The row is unlabelled from now on.")
    paint: tuple[tuple[int, int, float], ...] | None = None
    reason: str = Field("", max_length=500)
    by: str = Field("", max_length=300)


class Review(Step):
    title: ClassVar[str] = "Review"
    summary: ClassVar[str] = "What people decided at a review desk, row by row. Made there, not filled in here."
    group: ClassVar[str] = "Change texts"

    kind: Literal["review"] = "review"
    desk: str = Field("", max_length=80, title="Desk", description="The review desk the decisions were taken at.")
    decisions: tuple[Decided, ...] = Field(min_length=1, max_length=MOST, title="Decisions", description="One a row.")
    unreviewed: Literal["keep", "drop"] = Field(
        "keep",
        title="Rows nobody decided",
        description="keep: they stay as they are. drop: only reviewed rows are left.",
        json_schema_extra={"choices": {"keep": "Keep them", "drop": "Drop them"}},
    )

    def words(self) -> str:
        told = Counter(str(d.verdict) for d in self.decisions)
        said = ", ".join(f"{told[v]:,} {word}" for v, word in WORDS.items() if told[v])
        return f"Review of {count(len(self.decisions), 'row')}: {said}{'; others dropped' if self.unreviewed == 'drop' else ''}"

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: Any) -> Iterator[Row]:
        left = {d.place: d for d in self.decisions}
        for row in rows:
            decided = left.pop(row["_at"], None)
            if decided is None:
                if self.unreviewed == "drop":
                    log.drop(row, "nobody decided it")
                else:
                    yield row
                continue
            if decided.row_id != row["row_id"]:
                raise DataRefused(
                    f"row {decided.place:,} has id {row['row_id']}, reviewed was {decided.row_id}",
                    field="decisions",
                    hint="These decisions are about another version of the rows.",
                )
            if (kept := self._after(row, decided, log)) is not None:
                yield kept
        if left:
            log.note(f"{count(len(left), 'reviewed row is', 'reviewed rows are')} not among these rows.")

    def _after(self, row: Row, decided: Decided, log: Log) -> Row | None:
        by = f" by {decided.by}" if decided.by else ""
        if decided.verdict == "reject":
            log.drop(row, f"rejected{by}: {decided.reason or 'no reason given'}", f"rejected: {decided.reason}")
            return None
        if decided.verdict == "accept":
            return row
        why = f": {decided.reason}" if decided.reason else ""
        return log.change(row, _changed(row, decided), f"{WORDS[decided.verdict]}{by}{why}", WORDS[decided.verdict])


def _changed(row: Row, decided: Decided) -> Row:
    """The row with its new texts and spans; a chosen answer that was the answer follows it."""
    fields, answer = fields_of(row), row["answer"]
    if decided.clear_answer or decided.answer is not None:
        new = None if decided.clear_answer else decided.answer
        if new is not None and "chosen" in fields and fields["chosen"] == answer:
            fields["chosen"] = new
        answer = new
    messages = row["messages"] if decided.messages is None else _turns(row["messages"], decided.messages)
    if decided.paint is not None:
        try:
            spans = read_spans([list(s) for s in decided.paint], answer)
        except Wrong as e:
            raise DataRefused(f"row {decided.place:,}: {e.args[0]}", field="decisions", hint=e.args[1]) from None
        fields = {k: v for k, v in fields.items() if k != "paint"}
        if spans:
            fields["paint"] = [list(s) for s in spans]
    return with_fields({**row, "messages": messages, "answer": answer}, fields)


def _turns(before: list[dict[str, Any]], after: tuple[Turn, ...]) -> list[dict[str, Any]]:
    return [{**old, "role": t.role, "content": t.content} for old, t in zip(before, after, strict=True)]
