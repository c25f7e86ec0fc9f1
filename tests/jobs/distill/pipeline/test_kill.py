"""A run that is killed in the middle of its teacher pass: the server counts what is asked again, and the rows are the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.distill import scripted
from tests.jobs.distill.pipeline.test_pipeline import TRAIN, written

ROOT = Path(__file__).parents[4]
ITEMS, AT = 1000, 500
CONCURRENCY = 8  # of an endpoint, where the recipe says nothing


def says(messages: list[dict[str, str]]) -> Any:
    """One answer in eleven is cut off, one in thirteen wrong."""
    time.sleep(0.002)
    a, b = map(int, messages[-1]["content"].split(" + "))
    return ("the sum is", "length") if a % 11 == 0 else str(a + b + (a % 13 == 0))


def start(folder: Path) -> subprocess.Popen[bytes]:
    env = {**os.environ, "ALLOWED_PRIVATE_HOSTS": "127.0.0.1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "jobs.distill", "run", str(folder)]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def folder_of(place: Path, url: str) -> Path:
    check = {"kind": "verify", "name": "check", "checks": [{"type": "numeric"}]}
    given = scripted.rows([(f"{n} + {3 * n}", str(4 * n)) for n in range(ITEMS + 4)])
    return scripted.run_folder(place, {"stages": [written(max_new_tokens=8), check, TRAIN]}, given, url)


@pytest.mark.slow
def test_a_kill_at_item_500_repeats_what_was_in_flight_and_changes_no_row(tmp_path: Path) -> None:
    with scripted.teacher(says) as teacher:
        calm = folder_of(tmp_path / "calm" / "run", teacher.url)
        assert start(calm).wait(300) == 0
        asked = len(teacher.asked)
    with scripted.teacher(says) as teacher:
        folder = folder_of(tmp_path / "killed" / "run", teacher.url)
        child = start(folder)
        while len(teacher.asked) < AT:
            assert child.poll() is None
            time.sleep(0.002)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        before = len(teacher.asked)
        assert before < asked - 100, "it was not killed in the middle"
        assert start(folder).wait(300) == 0
        repeated = sum(n - 1 for n in teacher.counts.values())
        assert repeated <= CONCURRENCY and len(teacher.asked) == asked + repeated
    for stage in ("answers", "check"):
        assert scripted.output(folder, stage) == scripted.output(calm, stage)
        assert scripted.rejected(folder, stage) == scripted.rejected(calm, stage)
    assert len(scripted.rejected(calm, "answers")) == 91
