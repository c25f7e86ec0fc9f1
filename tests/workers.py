"""Real Celery workers for tests, forked from one process that has loaded what needs no settings: seconds less for each.

    python -m tests.workers   reads one JSON list a line from stdin: [arguments, {environment}, log]; answers the child's pid a line.

What a fork shares with `celery -A jobs.celery_app worker` is everything from Celery's command line on: the settings are
read, Django is set up and the agents start in the child, with its own environment.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]


# What a worker loads and what does not look at the settings while it is loaded.
LOADED = (
    "celery.apps.worker",
    "celery.bin.worker",
    "django.contrib.admin",
    "django.db.backends.postgresql.base",
    "jobs.distill.data.transforms.run",
    "jobs.distill.plan.compiler",
)


def serve() -> None:
    from celery.__main__ import main

    for name in LOADED:
        importlib.import_module(name)
    assert "DJANGO_SETTINGS_MODULE" not in os.environ and "workbench.settings" not in sys.modules
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the children
    print("ready", flush=True)
    for line in sys.stdin:
        arguments, environment, log = json.loads(line)
        if (pid := os.fork()) == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            file, null = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), os.open(os.devnull, os.O_RDONLY)
            for number, target in enumerate((null, file, file)):
                os.dup2(target, number)
            os.environ.clear()
            os.environ.update(environment)
            sys.argv = ["celery", *arguments]
            main()
            os._exit(0)
        print(pid, flush=True)


class Process:
    """A forked worker, with as much of Popen as tests need."""

    def __init__(self, pid: int) -> None:
        self.pid, self._handle = pid, os.pidfd_open(pid)

    def poll(self) -> int | None:
        """0 once it has ended, None before."""
        return 0 if select.select([self._handle], [], [], 0)[0] else None

    def wait(self, seconds: float) -> None:
        """Raises TimeoutExpired where it still runs after so many seconds."""
        if not select.select([self._handle], [], [], seconds)[0]:
            raise subprocess.TimeoutExpired("celery worker", seconds)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The serving process, from the tests' side; it ends with the process that started it."""

    def __init__(self) -> None:
        env = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.workers"], cwd=ROOT, env={**env, "OMP_NUM_THREADS": "1"}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout and self.process.stdout.readline() == "ready\n"

    def start(self, arguments: list[str], environment: dict[str, str], log: Path) -> Process:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps([arguments, environment, str(log)]) + "\n")
        self.process.stdin.flush()
        return Process(int(self.process.stdout.readline()))


nursery = cache(Nursery)


class Worker:
    """A real Celery worker process on the test database, with the broker that needs no server unless told otherwise."""

    def __init__(self, folder: Path, queues: str = "gpu,cpu", **env: str) -> None:
        from django.db import connection

        database = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + connection.settings_dict["NAME"]).geturl()
        arguments = f"-A jobs.celery_app worker -Q {queues} -P threads -c 1 -l info".split()
        self.log = folder / f"worker-{time.monotonic_ns()}.log"
        self.log.touch()  # who starts it may read before the child has opened it
        self.process: Any = nursery().start(arguments, {**os.environ, "DATABASE_URL": database, **env}, self.log)

    def stop(self, number: int = signal.SIGTERM, patience: float = 60) -> None:
        """SIGTERM drains; SIGKILL is the fault. A worker that does not go is killed and the test fails."""
        self.process.send_signal(number)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(
                f"the worker did not stop within {patience} s:\n{self.log.read_text()[-3000:]}"
            ) from None


if __name__ == "__main__":
    serve()
