"""Keep one of several copies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal

from pydantic import Field

from ..families import GROUP, Groups
from ..minhash import near_pairs
from .base import Context, Log, Row, Step, extra
from .texts import texts_of

SAME = {
    "row": "The whole row: same question and same answer",
    "prompt": "The same question as it looks, whatever the answer",
    "near": "Nearly the same question (MinHash)",
}
WORDS = {"row": "same question and answer", "prompt": "same question", "near": "nearly the same question"}
KEEP = {"first": "The first", "labelled": "A labelled one, else the first", "heldout": "A held-out one, else the first"}


class Deduplicate(Step):
    """Copies teach the same thing twice, and copies on both sides of the split flatter the score."""

    title: ClassVar[str] = "Remove duplicates"
    summary: ClassVar[str] = (
        "Exact copies, the same question, or nearly the same one; each copy is listed with the row that stays."
    )
    group: ClassVar[str] = "Choose rows"
    looks: ClassVar[bool] = True

    kind: Literal["deduplicate"] = "deduplicate"
    same: Literal["row", "prompt", "near"] = Field(
        "row",
        title="What counts as a copy",
        description="As it looks: case, white space and invisible characters do not count.",
        json_schema_extra=extra(choices=SAME),
    )
    likeness: float = Field(
        0.8,
        ge=0.5,
        le=1,
        title="Nearly the same from",
        description="Share of five-character pieces that two questions have in common; only for nearly the same.",
    )
    keep: Literal["first", "labelled", "heldout"] = Field(
        "first", title="Which one stays", description="Of each group of copies.", json_schema_extra=extra(choices=KEEP)
    )

    def words(self) -> str:
        return f"Remove duplicates: {WORDS[self.same]}" + (
            f", {self.likeness:.0%} alike" if self.same == "near" else ""
        )

    def look(self, rows: Iterable[Row], context: Context) -> dict[int, tuple[int, str]]:
        """place of a copy in the order of rows -> (`_at` of the row that stays, likeness in words)."""
        return self._near(rows) if self.same == "near" else self._exact(rows)

    def _exact(self, rows: Iterable[Row]) -> dict[int, tuple[int, str]]:
        best: dict[str, tuple[int, int, int]] = {}  # key -> (rank, place, at)
        keys: list[str] = []
        for i, row in enumerate(rows):
            key = row["row_id"].partition(".")[0] if self.same == "row" else row["row_id"][:GROUP]
            keys.append(key)
            best[key] = min(best.get(key, (9, i, 0)), (self._rank(row), i, row["_at"]))
        return {i: (best[key][2], "") for i, key in enumerate(keys) if best[key][1] != i}

    def _near(self, rows: Iterable[Row]) -> dict[int, tuple[int, str]]:
        asked, ranks, places = [], [], []
        for row in rows:
            asked.append("\n".join(texts_of(row, "prompt")))
            ranks.append(self._rank(row))
            places.append(row["_at"])
        groups, alike = Groups(), dict[int, float]()
        for i, j, score in near_pairs(asked, self.likeness):
            groups.join(_name(i), _name(j))
            alike[i], alike[j] = max(alike.get(i, 0), score), max(alike.get(j, 0), score)
        best: dict[str, tuple[int, int]] = {}
        for i in alike:
            root = groups.find(_name(i))
            best[root] = min(best.get(root, (9, i)), (ranks[i], i))
        stays = {i: best[groups.find(_name(i))][1] for i in alike}
        return {i: (places[kept], f", {alike[i]:.0%} like its nearest") for i, kept in stays.items() if kept != i}

    def _rank(self, row: Row) -> int:
        if self.keep == "labelled":
            return 0 if row["answer"] is not None else 1
        return 0 if self.keep == "heldout" and row["split"] == "heldout" else 1

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: dict[int, tuple[int, str]]) -> Iterator[Row]:
        for i, row in enumerate(rows):
            if i in seen:
                at, how = seen[i]
                of = f"of row {at:,}" if at else "of a row that was added"
                log.drop(
                    row,
                    f"{'near copy' if self.same == 'near' else 'copy'} {of}{how}",
                    "near copy" if self.same == "near" else "copy",
                )
            else:
                yield row


def _name(place: int) -> str:
    return f"{place:09d}"
