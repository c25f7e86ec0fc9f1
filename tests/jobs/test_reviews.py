"""What a run that stands still leaves, and what a person's decisions become in the next attempt's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs import results, reviews
from jobs.distill.data.load import RowsWriter
from jobs.distill.data.rows import Row
from jobs.lease import Lease, LeaseLost
from tests.workbench import make_runs
from workbench.datasets.models import Dataset, DatasetVersion
from workbench.review.models import Gate
from workbench.runs import blobs
from workbench.runs.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(team_a: Any, alice: Any) -> Run:
    return make_runs.running(team_a, alice)


def lease(run: Run, fence: int = 1) -> Lease:
    return Lease(str(run.pk), "distill", 1, fence)


def outputs(folder: Path, **files: list[dict[str, Any]]) -> Path:
    (folder / "outputs").mkdir(exist_ok=True)
    for name, lines in files.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "outputs" / f"{name}.jsonl").write_text(text)
    return folder


def test_what_was_written_is_kept_once_by_name_and_the_newest_counts(run: Run, tmp_path: Path) -> None:
    results.keep_outputs(lease(run), outputs(tmp_path, look=[{"id": "a"}], ask=[{"id": "b"}]))
    results.keep_outputs(lease(run), outputs(tmp_path, look=[{"id": "c"}]))
    kept = {a.name: json.loads(blobs.read(a.blob_id)) for a in run.artifacts.all()}
    assert kept == {"outputs/ask.jsonl": {"id": "b"}, "outputs/look.jsonl": {"id": "c"}}


def test_nobody_keeps_anything_with_an_old_fence(run: Run, tmp_path: Path) -> None:
    with pytest.raises(LeaseLost):
        results.keep_outputs(lease(run, fence=0), outputs(tmp_path, look=[{"id": "a"}]))
    assert not run.artifacts.exists()


def version(dataset: Dataset, number: int, place: Path, rows: list[tuple[str, str, str]]) -> DatasetVersion:
    """A version of (id, question, answer)."""
    writer = RowsWriter(place / f"{number}.parquet")
    for n, (id, question, answer) in enumerate(rows):
        fields = {"paint": [[0, 1, 0]]} if id == "painted" and number > 1 else {}
        turns = [{"role": "user", "content": question}]
        writer.add(Row(f"row-{id}", turns, answer, "train", n, id, fields=fields))
    writer.close()
    blob = blobs.put(place / f"{number}.parquet")
    return DatasetVersion.objects.create(dataset=dataset, number=number, sha256=blob.sha256, rows_blob=blob)


def test_decisions_are_the_difference_of_two_versions(run: Run, team_a: Any, alice: Any, tmp_path: Path) -> None:
    laid = ["same", "edited", "rejected", "painted", "copy"]
    results.keep_outputs(lease(run), outputs(tmp_path, look=[{"id": id} for id in laid]))
    dataset = Dataset.objects.create(team=team_a, key="gate", title="Gate")
    first = [("same", "q1", "a1"), ("edited", "q2", "a2"), ("rejected", "q3", "a3"), ("painted", "q4", "a4")]
    before = version(dataset, 1, tmp_path, first)
    after = version(
        dataset,
        2,
        tmp_path,
        [("same", "q1", "a1"), ("edited", "q2!", "new"), ("painted", "q4", "a4"), ("more", "x", "y")],
    )
    Gate.objects.create(run=run, stage="Look", file="look", version=before, chosen=after, chosen_by=alice)
    Gate.objects.create(run=run, stage="Not yet", file="not-yet", version=before)
    folder = tmp_path / "next"
    folder.mkdir()
    reviews.write(run, folder)
    assert [p.name for p in (folder / "review").iterdir()] == ["look.jsonl"]
    assert [json.loads(line) for line in (folder / "review" / "look.jsonl").read_text().splitlines()] == [
        {"id": "same"},
        {"id": "edited", "messages": [{"role": "user", "content": "q2!"}], "answer": "new"},
        {"id": "painted", "fields": {"paint": [[0, 1, 0]]}},
        {"id": "copy"},  # it was in the first version under no id: nobody saw it
    ]
