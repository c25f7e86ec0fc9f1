"""What a run leaves about single rows: who said what, what scored how, and how unsure the teacher was."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from jobs.distill.events import Events
from jobs.distill.run import distill
from tests.jobs.distill import tiny

torch.set_num_threads(1)


def test_it_writes_a_line_for_every_row_it_knows_something_of(tmp_path: Path) -> None:
    recipe = {"control": False, "train": {**tiny.RECIPE["train"], "steps": 2, "teacher": "recorded"}}
    folder = tiny.run_folder(tmp_path / "run", recipe, tiny.rows(8, 4, 4))
    distill(folder, Events(folder))
    lines = {(r := json.loads(line))["row_id"]: r for line in (folder / "rows.jsonl").read_text().splitlines()}
    heldout = [r for r in lines.values() if r["split"] == "heldout"]
    assert len(heldout) == 4 and set(heldout[0]["scores"]) == set(heldout[0]["said"]) == {"base", "student", "teacher"}
    report = json.loads((folder / "report.json").read_text())
    mean = sum(r["scores"]["student"] for r in heldout) / 4
    assert mean == report["scores"]["student"]["value"]
    unsure = [r["teacher_entropy"] for r in lines.values() if "teacher_entropy" in r]
    assert len(unsure) >= 8 and all(0 < e < 5.6 for e in unsure)  # ln 261
