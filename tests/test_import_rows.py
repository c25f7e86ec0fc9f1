"""The benchmark of imports on few rows, and the memory of an import of many."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import import_rows

ROOT = Path(__file__).resolve().parents[1]


def side(name: str, form: str, rows: int, folder: Path) -> dict[str, Any]:
    path = folder / f"rows.{form}"
    import_rows.make(form, rows, path)
    own = folder / form
    own.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sides.import_rows", form, name, str(path), str(own)],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("form", import_rows.FORMATS)
def test_it_imports_what_it_made(form: str, tmp_path: Path) -> None:
    assert side("ours", form, 700, tmp_path)["rows"] == 700


@pytest.mark.slow
def test_the_memory_of_an_import_grows_by_bytes_a_row_not_by_its_text(tmp_path: Path) -> None:
    few, many = (
        side("ours", "csv", n, tmp_path / str(n)) for n in (5_000, 105_000) if (tmp_path / str(n)).mkdir() is None
    )
    assert many["peak_bytes"] - few["peak_bytes"] < 100_000 * 400
