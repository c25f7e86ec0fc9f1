"""Each fuzzer for some seconds, and their own check on the files they begin with."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from .harness import HOSTILE, WITHOUT, check

READERS = ["csv", "jsonl", "json", "text", "gzip", "parquet", "zip", "xlsx"]
ROOT = Path(__file__).parents[2]


def test_each_reader_has_its_fuzzer() -> None:
    here = {p.stem for p in Path(__file__).parent.glob("*.py")}
    assert here - {"__init__", "harness", "test_fuzzers"} == set(READERS)


def test_the_check_passes_on_every_hostile_file() -> None:
    for path in sorted(HOSTILE.glob("[0-9]*")):
        check(path, path.name)


def test_without_atheris_a_fuzzer_says_where_it_can_run() -> None:
    program = "import sys; sys.modules['atheris'] = None; import importlib.util as u; u.find_spec = lambda n: None\nfrom tests.fuzz.harness import fuzz; fuzz('x.csv', [])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and WITHOUT in done.stderr


# A count and a seed, no time: the same files on every machine. `make fuzz` looks further.
@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason=WITHOUT)
@pytest.mark.parametrize("reader", READERS)
def test_it_finds_nothing_in_some_thousand_files(reader: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", f"tests.fuzz.{reader}", "-runs=4000", "-seed=1"]
    crash = f"-artifact_prefix={tmp_path}/"
    done = subprocess.run([*command, crash], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and not list(tmp_path.iterdir()), done.stderr[-3000:]
    assert "DONE" in done.stderr or "Done" in done.stderr
