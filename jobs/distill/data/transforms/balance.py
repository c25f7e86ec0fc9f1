"""As many rows for each label, domain or group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from ...errors import DataRefused
from ..limits import LIMITS, count
from .base import Context, Log, Row, Step, extra
from .matching import OF, Of, Order, concerns, shown, value_of

BY = {"label": "Label", "domain": "Domain", "group": "Group"}
HOW = {"cap": "Drop rows of the large ones", "repeat": "Repeat rows of the small ones"}


@dataclass(frozen=True)
class Seen:
    times: dict[int, int]  # place of a row -> how often it stands in the result, for those that are balanced
    target: int
    trained: int  # rows that are balanced, before
    unsplit: int


class Balance(Step):
    """A large class teaches most of what is learnt. Repeating costs training time and can overfit; dropping loses rows."""

    title: ClassVar[str] = "Balance"
    summary: ClassVar[str] = "Drop rows of large labels or repeat rows of small ones, with what it costs."
    group: ClassVar[str] = "Split and balance"
    looks: ClassVar[bool] = True

    kind: Literal["balance"] = "balance"
    by: Literal["label", "domain", "group"] = Field(
        "label", title="For each", description="Rows without one stay as they are.", json_schema_extra=extra(choices=BY)
    )
    how: Literal["cap", "repeat"] = Field(
        "cap",
        title="How",
        description="Rows that go or come twice are chosen by hash and seed.",
        json_schema_extra=extra(choices=HOW),
    )
    rows_each: int | None = Field(
        None,
        ge=1,
        title="Rows each",
        description="Default: as many as the smallest has (drop), or the largest (repeat).",
    )
    of: Of = Field(
        "train",
        title="Of",
        description="Held-out rows are what the score is made of: repeating or dropping them changes what it means.",
        json_schema_extra=extra(choices=OF),
    )
    seed: int = Field(0, ge=0, le=2**31, title="Seed", description="Another seed chooses other rows.")

    def words(self) -> str:
        what = "at most" if self.how == "cap" else "at least"
        return f"Balance {self.by}s: {what} {f'{self.rows_each:,}' if self.rows_each else 'the smallest' if self.how == 'cap' else 'the largest'} each"

    def look(self, rows: Iterable[Row], context: Context) -> Seen:
        order, classes, unsplit = Order(self.seed), dict[str, list[tuple[bytes, int]]](), 0
        for i, row in enumerate(rows):
            if concerns(row, self.of) and (value := value_of(row, self.by)) is not None:
                classes.setdefault(value, []).append((order.of(row), i))
                unsplit += row["split"] is None
        if not classes:
            raise DataRefused(
                f"No row has a {self.by} to balance.", field="by", hint="Balance by something the rows carry."
            )
        sizes = [len(c) for c in classes.values()]
        target = self.rows_each or (min(sizes) if self.how == "cap" else max(sizes))
        if self.how == "repeat" and target * len(sizes) > LIMITS.rows:
            raise DataRefused(
                f"Repeating up to {target:,} rows for each of {len(sizes):,} makes more than {LIMITS.rows:,} rows.",
                field="rows_each",
            )
        times: dict[int, int] = {}
        for members in classes.values():
            ordered = [i for _, i in sorted(members)]
            if self.how == "cap":
                times |= {i: int(rank < target) for rank, i in enumerate(ordered)}
            else:
                wanted = max(target, len(ordered))
                times |= {i: wanted // len(ordered) + (rank < wanted % len(ordered)) for rank, i in enumerate(ordered)}
        return Seen(times, target, sum(sizes), unsplit)

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: Seen) -> Iterator[Row]:
        for i, row in enumerate(rows):
            n = seen.times.get(i, 1)
            if n == 0:
                value = shown(value_of(row, self.by))
                log.drop(row, f"over {seen.target:,} rows of {self.by} {value}", f"{self.by} {value}")
                continue
            yield row
            for k in range(2, n + 1):
                yield log.add(row, f"repeat {k} of row {row['_at']:,}", f"{self.by} {shown(value_of(row, self.by))}")
        self._cost(log, seen)

    def _cost(self, log: Log, seen: Seen) -> None:
        if added := log.counts["added"]:
            log.note(f"Adds {count(added, 'row')}, {added / seen.trained:.0%} more to train on in every epoch.")
            if seen.unsplit:
                log.note(
                    "These rows have no split yet: a run would hold repeats out too. Put a split step before this one."
                )
        if dropped := log.counts["dropped"]:
            log.note(f"Drops {count(dropped, 'row')}, {dropped / seen.trained:.0%} of those it is about.")
