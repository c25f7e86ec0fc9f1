"""A whole tiny run of a system that chooses rows or learns their rationales, and what it told and left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs.distill.events import Events, read
from jobs.distill.run import distill
from jobs.distill.selection.base import Candidate, Pool, Read
from tests.jobs.distill import tiny


def run(
    folder: Path,
    method: str,
    fields: Callable[[int], dict[str, Any]] | None = None,
    teacher: bool = True,
    **options: Any,
) -> Path:
    """Four steps of the small form. `fields` gives each row what it carries beside its answer."""
    given = tiny.rows(labelled=12, unlabelled=4, heldout=4)
    for n, row in enumerate(given):
        row["fields"] = json.dumps(fields(n)) if fields else None
    train = {"steps": 4, "batch_size": 4, "learning_rate": 0.01, "max_new_tokens": 6}
    recipe: dict[str, Any] = {"method": method, "options": options, "train": train, "control": False}
    tiny.run_folder(folder, recipe if teacher else {**recipe, "teacher": None}, given)
    if not teacher:
        listed = json.loads((folder / "models.json").read_text())
        (folder / "models.json").write_text(json.dumps({**listed, "teacher": None}))
    events = Events(folder)
    distill(folder, events)
    events.close()
    return folder


def told(folder: Path, type: str) -> list[dict[str, Any]]:
    return [e for e in read(folder / "events.jsonl") if e["type"] == type]


def losses(folder: Path, term: str = "loss") -> list[float | None]:
    """The term's value at each training step of the student, None where it had none."""
    return [e["values"].get(term) for e in told(folder, "metric") if "loss" in e["values"]]


def left_out(folder: Path, stage: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"selection-{stage}.jsonl").read_text().splitlines()]


def kept(folder: Path, index: int) -> dict[str, float]:
    return dict(json.loads((folder / "stages" / f"{index:02d}-select" / "chosen.json").read_text())["weights"])


def pool(
    reads: dict[str, dict[str, Read]], domains: dict[str, str] | None = None, texts: list[str] | None = None
) -> Pool:
    """A pool with planted readings."""
    ids = list(next(iter(reads.values()))) if reads else [f"r{i:03d}" for i in range(len(texts or []))]
    rows = [Candidate(r, texts[i] if texts else "", (domains or {}).get(r, "")) for i, r in enumerate(ids)]
    return Pool(rows, lambda role: reads[role])
