"""A killed process repeats at most what was under way, and ends with the same replies; memory stays flat."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .fake_teacher import FakeTeacher, fake_teacher

ROOT = Path(__file__).resolve().parents[4]
CHILD = """
import json, resource, sys
from pathlib import Path
from jobs.distill.asking import Request
from jobs.distill.asking.ledger import Ledger
from jobs.distill.endpoints import EndpointAsker
from jobs.distill.recipe.endpoint import Endpoint

url, folder, count, concurrency = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
endpoint = Endpoint.model_validate({"url": url, "model": "teacher-1", "concurrency": concurrency})
asker = EndpointAsker("teacher", endpoint, Ledger([folder]))
questions = (Request(({"role": "user", "content": f"question {i} " + "word " * 100},), 32) for i in range(count))
texts, paid, early = {}, 0, 0
for done, (place, reply) in enumerate(asker.ask(questions)):
    if count <= 1000:
        texts[place] = (reply.text, reply.outcome)
    paid += reply.paid
    if done == 5_000:
        early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
late = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"texts": sorted(texts.items()), "paid": paid, "done": done + 1, "grown": late - early if early else 0}))
"""


def start(teacher: FakeTeacher, folder: Path, count: int, concurrency: int) -> subprocess.Popen[str]:
    env = {**os.environ, "ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{teacher.port}", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CHILD, teacher.url, str(folder), str(count), str(concurrency)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)


def finished(child: subprocess.Popen[str]) -> dict[str, object]:
    out, _ = child.communicate(timeout=280)
    assert child.returncode == 0
    return dict(json.loads(out))


def test_kill_9_at_item_500_of_1000_repeats_at_most_what_was_under_way(tmp_path: Path) -> None:
    """Counted by the server; a tenth of the answers is truncated, and stays so."""
    with fake_teacher(lambda n, body: "length" if question(body) % 10 == 0 else "ok", latency=0.01) as teacher:
        undisturbed = finished(start(teacher, tmp_path / "whole", 1000, 16))
        teacher.calls.clear()
        child = start(teacher, tmp_path / "cut", 1000, 16)
        while len(teacher.calls) < 500:
            assert child.poll() is None
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
        child.wait()
        before = len(teacher.calls)
        again = finished(start(teacher, tmp_path / "cut", 1000, 16))
        assert 500 <= before < 700, "it was killed in the middle"
        assert len(teacher.counts) == 1000
        repeated = len(teacher.calls) - 1000
        assert 0 <= repeated <= 16 and max(teacher.counts.values()) <= 2
        assert again["texts"] == undisturbed["texts"] and again["done"] == 1000
        assert again["paid"] == 1000 - (before - repeated)
        assert sum(outcome == "truncated" for _, (_, outcome) in again["texts"]) == 100  # type: ignore[attr-defined]


def test_two_processes_at_once_never_pay_twice(tmp_path: Path) -> None:
    with fake_teacher(latency=0.02) as teacher:
        found = [finished(c) for c in [start(teacher, tmp_path, 200, 8) for _ in range(2)]]
        assert len(teacher.calls) == 200 and set(teacher.counts.values()) == {1}
        assert found[0]["texts"] == found[1]["texts"] and sum(int(str(f["paid"])) for f in found) == 200


def test_one_that_is_killed_leaves_its_questions_to_the_other(tmp_path: Path) -> None:
    with fake_teacher(latency=0.05) as teacher:
        killed, other = start(teacher, tmp_path, 200, 8), start(teacher, tmp_path, 200, 8)
        while len(teacher.calls) < 60:
            time.sleep(0.001)
        killed.kill()
        killed.wait()
        assert finished(other)["done"] == 200 and len(teacher.counts) == 200
        assert len(teacher.calls) <= 208


@pytest.mark.slow
def test_memory_stays_flat_over_twenty_thousand_questions(tmp_path: Path) -> None:
    with fake_teacher() as teacher:
        found = finished(start(teacher, tmp_path, 20_000, 32))
        assert found["done"] == 20_000 and int(str(found["grown"])) < 6 * 1024, "KiB from the 5,000th to the last"


def question(body: dict[str, object]) -> int:
    return int(str(body["messages"]).split("question ")[1].split()[0])
