"""Records all of a sample run that does not depend on training, with the engine's own command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from jobs.samples import catalog


def recipe_of_files() -> dict[str, Any]:
    """The sample's recipe with the places of its files for their names: nothing shipped is taken as recorded already."""
    teacher, student = (str(sample.folder) for sample in catalog.MODELS)
    dataset = catalog.DATASETS[0]
    return {
        **catalog.RECIPE,
        "teacher": {"model": teacher},
        "student": {**catalog.RECIPE["student"], "model": student},
        "data": {"file": str(dataset.folder / dataset.rows)},
    }


def record(folder: Path) -> None:
    """Writes signals and answers, those to the held-out questions too, into `folder`; what was there goes."""
    with tempfile.TemporaryDirectory() as scratch:
        recipe, run = Path(scratch) / "recipe.json", Path(scratch) / "run"
        recipe.write_text(json.dumps(recipe_of_files()))
        command = [sys.executable, "-m", "jobs.distill", "record", str(recipe), "--out", str(run)]
        subprocess.run(command, check=True, stdout=sys.stderr, env={**os.environ, "WB_THREADS": "1"})
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(run / "signals", folder)
