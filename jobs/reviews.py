"""What people decided at a run's gates, as its next attempt reads it: `review/<stage>.jsonl`, one line a row that stays.

The rows were laid out as a version of a dataset; the version a person chose afterwards came of it. A row that stands in the
first and not in the second was rejected. A row that never came into the first was seen by nobody, so it stays as it is.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from jobs.distill.errors import DataRefused
from workbench.datasets.models import DatasetVersion
from workbench.review.models import Gate
from workbench.runs import blobs
from workbench.runs.models import Artifact, Run

COLUMNS = ("source_id", "messages", "answer", "fields")
CARRIED = ("paint", "rationale", "weight")


def write(run: Run, folder: Path) -> None:
    """Writes the decisions of every gate of the run that a person passed. Raises DataRefused when rows cannot be told apart."""
    gates = Gate.objects.filter(run=run, chosen__isnull=False).select_related("version", "chosen")
    for gate in gates:
        assert gate.version and gate.chosen
        place = folder / "review" / f"{gate.file}.jsonl"
        place.parent.mkdir(exist_ok=True)
        with place.open("w", encoding="utf-8") as file:
            for line in lines(gate.laid_out(), gate.version, gate.chosen):
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def lines(laid: Artifact, before: DatasetVersion, after: DatasetVersion) -> Iterator[dict[str, Any]]:
    """The rows that stay: {id}, and what a person changed of them."""
    was = {str(row["source_id"]): row for row in _rows(before)}
    seen = set[str]()
    for row in _rows(after):
        id = str(row["source_id"])
        if id not in was:
            continue  # a row that somebody added is no decision about this run's rows
        if id in seen:
            raise DataRefused(
                f"Version {after.number} of {after.dataset.title} holds row {id[:24]} more than once.",
                hint="Choose a version in which each row of the review stands once.",
            )
        seen.add(id)
        yield {"id": id, **_changes(was[id], row)}
    with blobs.open_blob(laid.blob_id) as file:
        for text in file:
            id = str(json.loads(text)["id"])
            if id not in was:
                yield {"id": id}


def _changes(was: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Only what differs: reading a file may have tidied a row that nobody touched."""
    out = {name: now[name] for name in ("messages", "answer") if now[name] != was[name]}
    old, new = (json.loads(row["fields"] or "{}") for row in (was, now))
    fields = {name: new.get(name) for name in CARRIED if new.get(name) != old.get(name)}
    return out | ({"fields": fields} if fields else {})


def _rows(version: DatasetVersion) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "rows.parquet"
        blobs.write_to(version.rows_blob_id, path)
        for batch in pq.ParquetFile(path).iter_batches(batch_size=1000, columns=list(COLUMNS)):
            yield from batch.to_pylist()
