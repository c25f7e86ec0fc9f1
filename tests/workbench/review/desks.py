"""What the tests of the review desk share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs.distill.data.desk import desk
from jobs.distill.data.load import RowsWriter
from jobs.distill.data.rows import Row
from jobs.distill.data.split import row_id_of
from workbench.datasets import children
from workbench.datasets.models import Dataset, DatasetVersion
from workbench.review import actions
from workbench.review.models import Item, Review
from workbench.runs import blobs

LABELS = ["card lost", "refund", "top up"]


def write(folder: Path, rows: list[tuple[str, str | None]]) -> Path:
    writer = RowsWriter(folder / "rows.parquet")
    for n, (text, answer) in enumerate(rows, 1):
        turns = [{"role": "user", "content": text}]
        writer.add(Row(row_id_of(turns, answer), turns, answer, "train", n))
    writer.close()
    return folder / "rows.parquet"


def laid_out(version: DatasetVersion, user: Any, order: str = "file", seats: int = 1, **asked: Any) -> Review:
    """A desk as `open_review` makes it, its rows found in this process instead of a child: a child takes a second to start."""
    found = desk(children.local_copy(version.rows_blob_id), {"order": order, **asked})
    return actions.lay_out(version.dataset.team, user, version, order, found, None, seats)


def stored(team: Any, folder: Path, rows: list[tuple[str, str | None]]) -> DatasetVersion:
    """A dataset of the team with one version."""
    blob = blobs.put(write(folder, rows))
    dataset = Dataset.objects.create(team=team, key="questions", title="Questions")
    counts = {"rows": len(rows)}
    return DatasetVersion.objects.create(dataset=dataset, number=1, sha256=blob.sha256, rows_blob=blob, counts=counts)


def row(review: Review, rank: int) -> Item:
    return Item.objects.select_related("review").get(review=review, rank=rank)
