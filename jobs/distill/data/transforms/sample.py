"""Take some of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from .base import Context, Log, Row, Step, extra
from .matching import BY, OF, Of, Order, concerns, value_of


class Sample(Step):
    """By the hash of row and seed, never the first n: the same rows are taken whatever their order."""

    title: ClassVar[str] = "Take a sample"
    summary: ClassVar[str] = "A number or a share of the rows, by chance with a seed, evenly over labels or domains."
    group: ClassVar[str] = "Choose rows"
    looks: ClassVar[bool] = True

    kind: Literal["sample"] = "sample"
    rows_kept: int | None = Field(None, ge=1, title="Rows", description="How many stay. Give this or a share.")
    share: float | None = Field(
        None, gt=0, lt=1, title="Share", description="0.1 keeps one row in ten. Give this or a number."
    )
    evenly: Literal["", "label", "domain", "group", "split"] = Field(
        "label",
        title="Evenly over",
        description="Each value keeps the same share of its rows.",
        json_schema_extra=extra(choices={"": "Nothing", **BY}),
    )
    of: Of = Field("all", title="Of", description="Other rows all stay.", json_schema_extra=extra(choices=OF))
    seed: int = Field(0, ge=0, le=2**31, title="Seed", description="Another seed takes other rows.")

    @model_validator(mode="after")
    def _one(self) -> Sample:
        if (self.rows_kept is None) == (self.share is None):
            raise ValueError("give a number of rows or a share, one of the two")
        return self

    def words(self) -> str:
        how = (
            f"{self.rows_kept:,} rows"
            if self.rows_kept is not None
            else f"{self.share:.3%}".rstrip("0").rstrip(".%") + " %"
        )
        return f"Sample of {how}" + (f", evenly over {self.evenly}s" if self.evenly else "") + f", seed {self.seed}"

    def look(self, rows: Iterable[Row], context: Context) -> set[int]:
        """Places of the rows that stay."""
        order, strata, kept = Order(self.seed), dict[Any, list[tuple[bytes, int]]](), set[int]()
        for i, row in enumerate(rows):
            if concerns(row, self.of):
                strata.setdefault(value_of(row, self.evenly) if self.evenly else "", []).append((order.of(row), i))
            else:
                kept.add(i)
        total = sum(map(len, strata.values()))
        wanted = min(total, self.rows_kept if self.rows_kept is not None else max(1, round((self.share or 0) * total)))
        # A row's place is its rank inside its own stratum, as a share: every stratum is cut at the same depth.
        depth = [
            ((rank + 0.5) / len(group), key, i)
            for group in strata.values()
            for rank, (key, i) in enumerate(sorted(group))
        ]
        return kept | {i for _, _, i in sorted(depth)[:wanted]}

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: set[int]) -> Iterator[Row]:
        for i, row in enumerate(rows):
            if i in seen:
                yield row
            else:
                log.drop(row, "not in the sample")
        if self.rows_kept is not None and len(seen) < self.rows_kept:
            log.note(f"There were only {len(seen):,} rows to take; all stay.")
