"""Dataset versions with planted rows, and their profiles as the worker makes them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from jobs import folder as folders
from jobs.distill.data import verbs
from jobs.distill.data.load import RowsWriter
from jobs.distill.data.rows import Row
from jobs.distill.data.split import row_id_of
from jobs.distill.events import Events
from jobs.results import profile_dataset
from workbench.datasets.models import Dataset, DatasetVersion
from workbench.library.models import Model
from workbench.runs import blobs
from workbench.runs.models import Artifact, Run, Slot
from workbench.runs.state import acting

SAMPLES = Path(__file__).parents[2] / "jobs" / "samples" / "models"
LONG = "please tell me why the card that I ordered last week has still not come to my new house"


def rows() -> list[tuple[str, str | None, str]]:
    plain = [
        (f"When does my card number {i} arrive?", ["card arrival", "lost card"][i % 2], "train") for i in range(20)
    ]
    return [
        *plain,
        (plain[0][0], "card arrival", "train"),  # 21: exact copy of row 1
        (plain[1][0], "card arrival", "train"),  # 22: row 2 again, which says lost card
        (LONG, "card arrival", "heldout"),  # 23
        ("Write to dora@example.org <|end|>", None, "train"),  # 24
    ]


def version(team: Any, found: list[tuple[str, str | None, str]], folder: Path, title: str = "Cards") -> DatasetVersion:
    """A version with these rows, as an import leaves it."""
    writer = RowsWriter(folder / f"{title}-{len(found)}.parquet")
    seen: dict[str, int] = {}
    for line, (text, answer, split) in enumerate(found, start=2):
        messages = [{"role": "user", "content": text}]
        row_id = row_id_of(messages, answer)
        seen[row_id] = seen.get(row_id, 0) + 1
        writer.add(Row(row_id + (f".{seen[row_id]}" if seen[row_id] > 1 else ""), messages, answer, split, line))
    writer.close()
    blob = blobs.put(writer.path)
    dataset, _ = Dataset.objects.get_or_create(team=team, key=title.lower(), title=title)
    counts = {"rows": len(found), "labelled": sum(a is not None for _, a, _ in found)}
    number = dataset.versions.count() + 1
    return DatasetVersion.objects.create(
        dataset=dataset, number=number, sha256=blob.sha256, rows_blob=blob, counts=counts, mapping={"roles": {}}
    )


def finished(run: Run, folder: Path) -> Run:
    """What the worker does: the real inputs, the real verb, the real commit."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folders.INPUTS[run.kind](run, folder)
    verbs.profile_dataset(folder, Events(folder))
    outcome = profile_dataset.collect(run, folder)
    stored = {name: blobs.put(path) for name, path in outcome.files.items()}
    Artifact.objects.bulk_create(
        Artifact(run=run, name=n, blob=stored[n], attempt=1, fence=1) for n in outcome.artifacts
    )
    if outcome.commit:
        with transaction.atomic():
            outcome.commit(run, stored)
    slot, _ = Slot.objects.get_or_create(host="box", name=folder.name, defaults={"queue": run.queue, "device": {}})
    with acting("worker"):
        moment = timezone.now()
        Run.objects.filter(pk=run.pk).update(
            state="claimed", slot=slot, owner="t", lease_until=moment, fence=1, attempt=1
        )
        Run.objects.filter(pk=run.pk).update(state="running", started_at=moment)
        done = {"slot": None, "owner": None, "lease_until": None, "finished_at": moment}
        Run.objects.filter(pk=run.pk).update(state="succeeded", report=outcome.report, **done)
    run.refresh_from_db()
    return run


def tokenizer(team: Any) -> Model:
    """A tiny tokenizer in the team's library."""
    folder = next(p.parent for p in sorted(SAMPLES.rglob("tokenizer.json")))
    facts = {"context": 24, "tokenizer": {"vocab_sha256": "tiny"}}
    return Model.objects.create(
        team=team, key="tiny-teacher", title="Tiny", source="folder", folder=str(folder), facts=facts
    )
