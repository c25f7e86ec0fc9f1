"""What the tests of systems for different tokenizers share: a byte student, a word teacher, a run of a few steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jobs.distill import catalog
from jobs.distill.events import Events, read
from jobs.distill.recipe import Recipe, Train, parse
from jobs.distill.run import distill
from tests.jobs.distill import tiny_words
from tests.jobs.distill.tiny import RECIPE


def expanded(method: str, **options: Any) -> Recipe:
    """The large form of a small recipe."""
    return catalog.expand(parse({**RECIPE, "method": method, "options": options}))


def terms(method: str, **options: Any) -> list[tuple[str, float]]:
    stage = next(s for s in expanded(method, **options).stages if isinstance(s, Train))
    return [(t.type, t.weight) for t in stage.terms]


def run(
    place: Path, method: str, steps: int = 6, rate: float = 0.01, knows: bool = False, **options: Any
) -> dict[str, Any]:
    """Trains the byte student on the word teacher in a run folder; returns the report, with the loss of each step."""
    recipe = {
        "method": method, "options": options, "control": False,
        "train": {"steps": steps, "batch_size": 6, "learning_rate": rate, "max_new_tokens": 4},
        "evaluation": {"max_new_tokens": 4, "batch_size": 8, "bootstrap": 200, "metric": "bits_per_byte"},
    }  # fmt: skip
    folder = tiny_words.run_folder(place / "run", recipe, knows)
    events = Events(folder)
    distill(folder, events)
    said = [e for e in read(folder / "events.jsonl") if e["type"] == "metric"]
    report = json.loads((folder / "report.json").read_text())
    return {**report, "losses": [e["values"] for e in said if "loss" in e["values"]]}
