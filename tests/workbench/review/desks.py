"""What the tests of the review desk share."""

from __future__ import annotations

from pathlib import Path

from jobs.distill.data.load import RowsWriter
from jobs.distill.data.rows import Row
from jobs.distill.data.split import row_id_of
from workbench.review.models import Item, Review

LABELS = ["card lost", "refund", "top up"]


def write(folder: Path, rows: list[tuple[str, str | None]]) -> Path:
    writer = RowsWriter(folder / "rows.parquet")
    for n, (text, answer) in enumerate(rows, 1):
        turns = [{"role": "user", "content": text}]
        writer.add(Row(row_id_of(turns, answer), turns, answer, "train", n))
    writer.close()
    return folder / "rows.parquet"


def row(review: Review, rank: int) -> Item:
    return Item.objects.select_related("review").get(review=review, rank=rank)
