"""Cached top-k run follows the online run within 1e-3 loss; teacher not loaded in the second run; bytes per token reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from jobs.distill.events import Events
from jobs.distill.run import distill
from tests.jobs.distill import tiny
from tests.jobs.distill.systems import duo

torch.set_num_threads(1)


def recipe(teacher: str) -> dict:
    train = {"steps": 6, "batch_size": 4, "learning_rate": 0.01, "max_new_tokens": 6, "teacher": teacher}
    options = {"top_k": 256, "mass": 1.0, "temperature": 2.0}
    return {"method": "pretrain-kd-space", "options": options, "train": train, "control": False}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def carry_out(folder: Path, teacher: str, signals: list[Path] | None = None) -> Path:
    tiny.run_folder(folder, recipe(teacher), tiny.rows(8, 0, 4))
    distill(folder, Events(folder), signals)
    return folder


@pytest.fixture(scope="module")
def recorded(place: Path) -> Path:
    return carry_out(place / "recorded", "recorded")


def losses(folder: Path) -> list[float]:
    return [e["values"]["loss"] for e in duo.told(folder, "metric")]


def test_the_recorded_run_follows_the_online_run(place: Path, recorded: Path) -> None:
    online = carry_out(place / "online", "online")
    assert len(losses(online)) == 6
    assert losses(recorded) == pytest.approx(losses(online), abs=1e-3)


def test_the_second_run_reads_what_the_first_recorded(place: Path, recorded: Path) -> None:
    second = carry_out(place / "second", "recorded", [recorded / "signals"])
    (said,) = (e["why"] for e in duo.told(second, "reason") if e["field"] == "signals")
    assert said == "found recorded: the teacher does not run"
    assert not any(e.get("stage") == "record signals" for e in duo.told(second, "phase"))
    assert losses(second) == losses(recorded)


def test_it_reports_what_a_token_costs_on_disk(recorded: Path) -> None:
    held = json.dumps(duo.told(recorded, "log"))
    assert "bytes" in held and "a position" in held
