"""What the acceptance tests of systems that write rows share: a short run against a teacher whose words the test decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.jobs.distill import scripted

HELDOUT = [(f"say {c}", c) for c in "abcd"]


def run(
    folder: Path,
    method: str,
    given: list[tuple[str, str | None]],
    says: Callable[[str], Any],
    options: Mapping[str, Any] | None = None,
    heldout: list[tuple[str, str]] = HELDOUT,
    train: Mapping[str, Any] | None = None,
    recipe: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Path:
    """The system's small form on these rows; `says` gets the last turn of each question. Returns the run folder."""
    whole = {
        "method": method,
        "options": dict(options or {}),
        "train": {"steps": 2, "batch_size": 4, "learning_rate": 0.01, **(train or {})},
        "data": {"dataset": "tiny", "too_long": "truncate"},
        "evaluation": {"max_new_tokens": 6, "batch_size": 8, "bootstrap": 200},
        **(recipe or {}),
    }
    columns = {name: [*values, *[None] * len(heldout)] for name, values in fields.items()}
    rows = scripted.rows([*given, *heldout], len(heldout), **columns)
    gold = dict(heldout)  # the teacher is scored on these, and knows them

    def answer(messages: list[dict[str, str]]) -> Any:
        asked = messages[-1]["content"]
        return gold[asked] if asked in gold else says(asked)

    return scripted.run(folder / "run", whole, rows, answer)[0]


def losses(folder: Path) -> list[float]:
    """Of the student's training, each stage after the other."""
    return [
        e["values"]["loss"]
        for e in scripted.events(folder, "metric")
        if e["arm"] == "student" and "loss" in e["values"]
    ]
