"""A run with one more model beside teacher and student: for tests of systems with several teachers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jobs.distill.events import Events
from jobs.distill.models.folder import manifest_sha256
from jobs.distill.run import distill
from tests.jobs.distill import tiny


def folder_of(folder: Path, name: str, recipe: dict[str, Any]) -> Path:
    """A run folder whose recipe has a further model called `name`, of a width between the two others."""
    small = {
        "teachers": [{"id": name, "model": f"sample/{name}"}],
        "train": {"steps": 3, "batch_size": 4, "learning_rate": 0.01, "max_new_tokens": 6},
    }
    given = tiny.rows(labelled=8, unlabelled=4, heldout=4)
    tiny.run_folder(folder, {**small, **recipe}, given)
    place = folder.parent / name
    if not place.exists():
        tiny.model(place, 7, 40)
    listed = json.loads((folder / "models.json").read_text())
    listed[name] = {"folder": str(place), "key": f"sample/{name}", "revision": None, "sha256": manifest_sha256(place)}
    (folder / "models.json").write_text(json.dumps(listed))
    return folder


def run(folder: Path) -> dict[str, Any]:
    """The report of a run of a prepared folder."""
    events = Events(folder)
    try:
        return distill(folder, events)
    finally:
        events.close()
