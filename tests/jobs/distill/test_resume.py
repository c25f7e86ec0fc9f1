"""A run that is killed at any instant ends with the adapter of the undisturbed run, bit for bit."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path

import pytest

from jobs.distill.events import read
from tests.jobs.distill import tiny
from tests.jobs.distill.forking import Forker

RECIPE = {"train": {**tiny.RECIPE["train"], "teacher": "recorded", "checkpoint_seconds": 0.001}}


@pytest.fixture(scope="module")
def clean(engine: Forker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny.run_folder(tmp_path_factory.mktemp("clean") / "run", RECIPE)
    assert engine.run("distill", str(folder)) == 0
    return folder


def adapter(folder: Path) -> bytes:
    return (folder / "adapter" / "adapter_model.safetensors").read_bytes()


def losses(folders: list[Path]) -> dict[tuple[str, int], float]:
    """Loss by arm and step; a step that was done twice must have had the same loss bits both times."""
    found: dict[tuple[str, int], float] = {}
    for folder in folders:
        for e in read(folder / "events.jsonl"):
            if e["type"] == "metric":
                assert found.setdefault((e["arm"], e["step"]), e["values"]["loss"]) == e["values"]["loss"]
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kill_at_random_instants(engine: Forker, clean: Path, tmp_path: Path, seed: int) -> None:
    """Three kills in the same folder, each at a random event, then a run to the end."""
    draw = random.Random(seed)
    folder = tiny.run_folder(tmp_path / "run", RECIPE)
    lines = sum(1 for _ in read(clean / "events.jsonl"))
    here = 0
    for _ in range(3):
        here += draw.randrange(3, lines // 3)
        engine.run("distill", str(folder), kill={"folder": str(folder), "events": here, "signal": signal.SIGKILL})
        here = max(here, sum(1 for _ in read(folder / "events.jsonl")))
    assert engine.run("distill", str(folder)) == 0
    assert adapter(folder) == adapter(clean)
    assert losses([folder]) == losses([clean])


@pytest.mark.parametrize(
    "point",
    [
        "answers_written@2",
        "signals_written",
        "before_write@3",
        "after_write:adapter@9",
        "after_manifest@4",
        "before_rename@15",
        "after_rename@20",
    ],
)
def test_kill_at_the_worst_places(engine: Forker, clean: Path, tmp_path: Path, point: str) -> None:
    folder = tiny.run_folder(tmp_path / "run", RECIPE)
    assert engine.run("distill", str(folder), WB_FAILPOINT=point) == 9
    assert engine.run("distill", str(folder)) == 0
    assert adapter(folder) == adapter(clean)


def test_each_attempt_in_a_folder_of_its_own(engine: Forker, clean: Path, tmp_path: Path) -> None:
    """As the supervisor does it: older attempts are read, newest first, and never touched."""
    folders: list[Path] = []
    for attempt, events in enumerate((45, 30, 25, None)):
        folder = tiny.run_folder(tmp_path / f"a{attempt}", RECIPE)
        earlier = os.pathsep.join(map(str, reversed(folders)))
        kill = {"folder": str(folder), "events": events, "signal": signal.SIGKILL} if events else None
        code = engine.run("distill", str(folder), kill=kill, WB_RESUME_FROM=earlier)
        assert code == (-9 if events else 0)
        folders.append(folder)
    assert adapter(folders[-1]) == adapter(clean)
    assert losses(folders) == losses([clean])
    report, wanted = (json.loads((f / "report.json").read_text()) for f in (folders[-1], clean))
    assert report["scores"] == wanted["scores"] and report["training"].keys() == wanted["training"].keys()


def test_a_stop_that_was_asked_for_leaves_a_checkpoint(engine: Forker, clean: Path, tmp_path: Path) -> None:
    folder = tiny.run_folder(tmp_path / "run", {"train": {**RECIPE["train"], "checkpoint_seconds": 1000}})
    steps = [e["n"] for e in read(clean / "events.jsonl") if e["type"] == "metric"]
    code = engine.run(
        "distill", str(folder), kill={"folder": str(folder), "events": steps[0] - 6, "signal": signal.SIGTERM}
    )
    assert code == 3
    assert engine.run("distill", str(folder)) == 0
    assert adapter(folder) == adapter(clean)


def test_a_changed_dataset_is_refused_with_both_hashes(engine: Forker, clean: Path, tmp_path: Path) -> None:
    folder = tiny.run_folder(tmp_path / "run", {**RECIPE, "data": {"dataset": "tiny", "sha256": "0" * 64}})
    assert engine.run("distill", str(folder)) == 4
    error = json.loads((folder / "error.json").read_text())
    assert error["code"] == "DATASET_CHANGED" and "000000000000" in error["message"]
    assert [e["code"] for e in read(folder / "events.jsonl") if e["type"] == "error"] == ["DATASET_CHANGED"]


def test_a_stored_checkpoint_of_another_seed_is_not_used(engine: Forker, clean: Path, tmp_path: Path) -> None:
    folder = tiny.run_folder(tmp_path / "run", {**RECIPE, "seed": 5})
    assert engine.run("distill", str(folder), WB_RESUME_FROM=str(clean)) == 0
    assert adapter(folder) != adapter(clean)


def test_the_adapter_is_verified_and_a_flipped_byte_is_found(engine: Forker, clean: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(clean / "adapter", tmp_path / "adapter"))
    base, rows = str(clean.parent / "student"), str(clean / "data" / "rows.parquet")
    assert engine.run("verify", str(copy), "--base", base, "--rows", rows) == 0
    report = json.loads((copy / "report.json").read_text())
    report["scores"]["student"]["value"] += 0.125
    (copy / "report.json").write_text(json.dumps(report))
    assert engine.run("verify", str(copy), "--base", base, "--rows", rows) == 4
