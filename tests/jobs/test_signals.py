"""What a run leaves of its teachers for later ones: each teacher's signals with that teacher."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs import signals

MAIN, SECOND = ({"key": f"org/{c}", "sha256": c * 64} for c in "ab")


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    run = tmp_path / "run"
    for place, teacher in (("", "a"), ("bbbb", "b"), ("cccc", "c")):
        here = run / "signals" / place
        here.mkdir(parents=True, exist_ok=True)
        (here / "signals.json").write_text(json.dumps({"teacher": teacher * 64}))
        (here / f"shard-{teacher}.safetensors").write_bytes(b"signals")
    (run / "answers").mkdir()
    (run / "answers" / "one.jsonl").write_text("{}\n")
    return run


def test_each_teachers_signals_are_lent_with_that_teacher(folder: Path) -> None:
    assert signals.keep([MAIN, SECOND], folder) == 3  # not those of a teacher that was trained in the run
    names = lambda teachers: sorted(f.name for p in signals.places(teachers) for f in p.glob("shard-*"))  # noqa: E731
    assert names([MAIN]) == ["shard-a.safetensors"] and names([SECOND]) == ["shard-b.safetensors"]
    assert names([MAIN, SECOND]) == ["shard-a.safetensors", "shard-b.safetensors"]
    assert signals.keep([MAIN, SECOND], folder) == 0


def test_nothing_is_kept_of_teachers_without_a_hash(folder: Path) -> None:
    assert (
        signals.keep([], folder) == signals.keep([{"key": "x"}], folder) == 0 and signals.places([{"key": "x"}]) == []
    )
