"""Records what the sample teacher says and its signals for every training row, with the engine's own command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jobs.samples import catalog


def recipe_with_file() -> dict[str, object]:
    """The sample's recipe with the shipped rows in place of the library's name for them."""
    dataset = catalog.DATASETS[0]
    return {**catalog.RECIPE, "data": {"file": str(dataset.folder / dataset.rows)}}


def record(folder: Path) -> None:
    """Writes `signals.json`, shards and `answers/` into `folder`; what was there goes. One thread, as in `make`."""
    with tempfile.TemporaryDirectory() as scratch:
        recipe, run = Path(scratch) / "recipe.json", Path(scratch) / "run"
        recipe.write_text(json.dumps(recipe_with_file()))
        command = [sys.executable, "-m", "jobs.distill", "record", str(recipe), "--out", str(run)]
        subprocess.run(command, check=True, stdout=sys.stderr, env={**os.environ, "WB_THREADS": "1"})
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(run / "signals", folder)
        shutil.copytree(run / "answers", folder / "answers")
