"""A run on a 4-bit base with LoftQ and stretched positions, killed and resumed, ends with the adapter of the undisturbed run."""

from __future__ import annotations

import json
from pathlib import Path

from tests.jobs.distill import tiny
from tests.jobs.distill.forking import Forker

RECIPE = {
    "method": "sft",
    "teacher": None,
    "student": {
        "model": "sample/student",
        "quantise": "nf4",
        "context": {"times": 2, "theta": 40_000},
        "adapter": {"rank": 4, "alpha": 8, "start": "loftq"},
    },
    "train": {"steps": 8, "batch_size": 6, "learning_rate": 0.01, "checkpoint_seconds": 0.001},
}


def test_killed_after_a_checkpoint_it_ends_the_same(tmp_path: Path) -> None:
    engine = Forker()
    try:
        folders = [tiny.run_folder(tmp_path / name / "run", RECIPE) for name in ("whole", "killed")]
        assert engine.run("distill", str(folders[0])) == 0
        assert engine.run("distill", str(folders[1]), WB_FAILPOINT="after_rename@4") == 9
        assert engine.run("distill", str(folders[1])) == 0
    finally:
        engine.close()
    first, second = ((f / "adapter" / "adapter_model.safetensors").read_bytes() for f in folders)
    assert first == second
    reports = [json.loads((f / "report.json").read_text()) for f in folders]
    assert reports[0]["scores"] == reports[1]["scores"] and reports[0]["student_base"] == reports[1]["student_base"]
    assert reports[0]["student_base"]["window"] == {"before": 128, "after": 256}
