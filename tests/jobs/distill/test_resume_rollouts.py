"""A run that is killed in the middle of a window of rollouts ends with the adapter of the undisturbed run, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.distill.events import read
from tests.jobs.distill import tiny
from tests.jobs.distill.forking import Forker

SOURCE = {"kind": "mixed", "share": 0.7, "window": 4, "max_new_tokens": 6, "replay": 12, "fresh": 0.6}
STAGE = {
    "kind": "train", "steps": 10, "batch_size": 4, "learning_rate": 0.01, "checkpoint_seconds": 0.0001, "source": SOURCE,
    "rows": "labelled", "terms": [{"type": "skew-kl"}, {"type": "minillm", "rows": "rollout"}],
}  # fmt: skip
RECIPE: dict[str, Any] = {"method": None, "train": {}, "control": False, "stages": [STAGE]}


@pytest.fixture(scope="module")
def clean(engine: Forker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny.run_folder(tmp_path_factory.mktemp("clean") / "run", RECIPE)
    assert engine.run("distill", str(folder)) == 0
    return folder


def adapter(folder: Path) -> bytes:
    return (folder / "adapter" / "adapter_model.safetensors").read_bytes()


def written(folder: Path) -> list[int]:
    """Steps at which a window of answers was written."""
    return [
        e["step"] for e in read(folder / "events.jsonl") if e["type"] == "metric" and "rollout.share" in e["values"]
    ]


@pytest.mark.parametrize(("point", "window"), [("after_rename@2", 1), ("before_rename@6", 5), ("after_manifest@8", 5)])
def test_kill_inside_a_window(engine: Forker, clean: Path, tmp_path: Path, point: str, window: int) -> None:
    """The checkpoint of a step is written after it; the window that was open is taken up and not written anew."""
    assert written(clean) == [1, 5, 9]
    folder = tiny.run_folder(tmp_path / "run", RECIPE)
    assert engine.run("distill", str(folder), WB_FAILPOINT=point) == 9
    before = written(folder)
    assert before[-1] == window
    assert engine.run("distill", str(folder)) == 0
    assert adapter(folder) == adapter(clean)
    assert written(folder)[len(before) :] == [s for s in (1, 5, 9) if s > window]
