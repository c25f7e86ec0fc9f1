"""Workers share the suite: groups stay whole, what fails is known by its plain name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests import parallel

ROOT = Path(__file__).parents[1]


def test_it_keeps_together_what_shares_a_stack_or_starts_workers() -> None:
    assert parallel.group_of("tests/browser/test_datasets.py::test_a[x::y]") == "browser"
    assert parallel.group_of("tests/jobs/test_faults.py::test_b") == "workers"
    assert parallel.group_of("tests/jobs/distill/test_run.py::test_c[1::2]") == "tests/jobs/distill/test_run.py"


def test_it_hands_out_whole_runs_in_parts() -> None:
    (file,) = parallel.SPREAD
    groups = {parallel.group_of(f"{file}::test_d[{n}]") for n in range(100)}
    assert len(groups) == parallel.PARTS and all(g.startswith(file) for g in groups)
    assert parallel.rank(f"{file} 3", 9) < parallel.rank("tests/many.py", 90)


def test_it_begins_with_the_longest() -> None:
    groups = {"tests/few.py": 1, "tests/many.py": 90, **dict.fromkeys(parallel.LONG, 1), "browser": 1, "workers": 1}
    ordered = sorted(groups, key=lambda group: parallel.rank(group, groups[group]))
    assert ordered == ["browser", "workers", *parallel.LONG, "tests/many.py", "tests/few.py"]


def test_it_names_only_what_exists() -> None:
    starts = [start for group in parallel.PROCESSES.values() for start in group]
    assert [name for name in (*starts, *parallel.LONG, *parallel.SPREAD) if not list(ROOT.glob(f"{name}*"))] == []


def test_it_leaves_the_plain_names_of_what_failed(tmp_path: Path) -> None:
    """What `.ci/run` runs once more, alone, is found by these names."""
    (tmp_path / "conftest.py").write_text(
        "def pytest_xdist_make_scheduler(config, log):\n"
        "    from tests.parallel import Groups\n    return Groups(config, log)\n"
    )
    for name in ("one", "two"):
        (tmp_path / f"test_{name}.py").write_text(f"def test_good(): pass\ndef test_bad(): assert 0, '{name}'\n")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DJANGO_", "PYTEST_"))}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "-p",
        "no:django",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, env={**clean, "PYTHONPATH": str(ROOT)}, text=True, capture_output=True)
    assert done.returncode == 1 and "2 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    failed = json.loads((tmp_path / ".pytest_cache/v/cache/lastfailed").read_text())
    assert set(failed) == {"test_one.py::test_bad", "test_two.py::test_bad"}
