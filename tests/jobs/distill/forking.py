"""Runs of the engine in children forked from one process that has everything imported: a child costs milliseconds.

    python forking.py   reads one JSON list a line from stdin: [arguments, {environment}, kill or null]; answers one exit code a line.

`kill` is {"folder": ..., "events": n, "signal": 9}: the child is signalled once its events.jsonl has n lines.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def serve() -> None:
    import jobs.distill.run
    import jobs.distill.verify  # noqa: F401
    from jobs.distill.cli.main import main

    gc.freeze()  # no child need look at what is loaded, or copy its pages
    print("ready", flush=True)
    for line in sys.stdin:
        arguments, environment, kill = json.loads(line)
        if (pid := os.fork()) == 0:
            os.environ.update(environment)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            code = main(arguments)
            sys.stderr.flush()
            os._exit(code)
        if kill:
            watch(pid, kill)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def watch(pid: int, kill: dict) -> None:
    """Signals the child at the wanted event, if it gets that far."""
    path = Path(kill["folder"]) / "events.jsonl"
    while True:
        if path.exists() and path.read_bytes().count(b"\n") >= kill["events"]:
            os.kill(pid, kill["signal"])
            return
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.001)


class Forker:
    """The serving process, from the tests' side."""

    def __init__(self) -> None:
        env = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "WB_THREADS": "1",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
        }
        self.process = subprocess.Popen(
            [sys.executable, __file__], cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def run(self, *arguments: str, kill: dict | None = None, **environment: str) -> int:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps([arguments, environment, kill]) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)


if __name__ == "__main__":
    serve()
