"""The assistant is chosen by the capacity-gap law; it learns from the teacher, then teaches the student with what it has
learnt; the best teacher has about 2.5 times the student's parameters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.plan.capacity import LAW, assistants, is_far, nearest
from tests.jobs.distill.systems import duo, several


@pytest.mark.parametrize(
    ("student", "known", "best"),
    [
        (1_000, {"a": 2_500, "b": 7_000}, "a"),
        (1_000, {"a": 1_200, "b": 3_100}, "b"),
        (500, {"a": 70_000, "b": 7_000, "c": 900}, "c"),
        (500, {"a": 70_000, "b": 7_000}, "b"),
        (3_000, {"a": 2_500}, None),
    ],
)
def test_the_law_names_the_nearest_teacher(student: int, known: dict[str, int], best: str | None) -> None:
    assert nearest(student, known) == best


def test_a_chain_goes_down_in_steps_near_the_best_ratio() -> None:
    assert is_far(1, 21) and not is_far(1, 20)
    assert assistants(1_000, 2_500) == []
    chain = [40_000, *assistants(1_000, 40_000), 1_000]
    assert all(2 < a / b < 3.2 for a, b in zip(chain, chain[1:], strict=False)) and len(chain) == 5
    assert LAW.best == 2.5


@pytest.mark.slow
def test_the_student_learns_from_the_assistant_as_it_has_become(tmp_path: Path) -> None:
    recipe = {
        "method": "teacher-assistants",
        "control": False,
        "train": {"steps": 3, "batch_size": 4, "max_new_tokens": 6, "teacher": "recorded"},
    }
    folder = several.folder_of(tmp_path / "run", "assistant", recipe)
    report = several.run(folder)
    assert report["trained"] == ["assistant", "student"]
    assert {"assistant", "assistant before training"} <= set(report["teachers"])
    kept = {json.loads(p.read_text())["teacher"] for p in (folder / "signals").glob("**/signals.json")}
    raw = {m["sha256"] for m in json.loads((folder / "models.json").read_text()).values()}
    assert len(kept) == 2 and len(kept - raw) == 1  # the assistant's signals are named by its adapter, too
    assert duo.told(folder, "metric")[-1]["arm"] == "student"


@pytest.mark.slow
def test_a_resumed_run_takes_the_assistant_as_it_was(tmp_path: Path) -> None:
    recipe = {
        "method": "teacher-assistants",
        "control": False,
        "train": {"steps": 3, "batch_size": 4, "max_new_tokens": 6, "teacher": "recorded"},
    }
    folder = several.folder_of(tmp_path / "run", "assistant", recipe)
    first = several.run(folder)
    adapter = (folder / "adapter" / "adapter_model.safetensors").read_bytes()
    for stored in (folder / "stages").glob("*-student"):
        for file in stored.iterdir():
            file.unlink()
        stored.rmdir()
    again = several.run(folder)
    assert (folder / "adapter" / "adapter_model.safetensors").read_bytes() == adapter
    assert again["signals"]["assistant"]["hit_rate"] == 1 and first["signals"]["assistant"]["hit_rate"] == 0
