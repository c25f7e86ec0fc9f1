"""A stand-in engine for faults no real one should have: its behaviour is the run's spec. `python engine.py VERB FOLDER`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def emit(folder: Path, *events: dict) -> None:
    path = folder / "events.jsonl"
    n = len(path.read_text().splitlines()) if path.exists() else 0
    with path.open("a") as file:
        for number, event in enumerate(events, n + 1):
            file.write(json.dumps({"n": number, "at": time.time(), **event}) + "\n")
    os.write(int(os.environ["WB_BEACON_FD"]), b".")


def finish(folder: Path, report: dict) -> int:
    (folder / "report.json").write_text(json.dumps(report))
    return 0


def main(verb: str, folder: Path) -> int:
    if verb == "device":
        print(json.dumps({"kind": "cpu", "name": "Test", "count": 1, "memory_bytes": 2**33, "cores": 2}))
        return 0
    spec = json.loads((folder / "params.json").read_text())
    act = spec.get("act", "work")
    attempt = int(folder.name[1:].split("-")[0])
    (folder.parent / f"pid-{attempt}").write_text(str(os.getpid()))
    emit(folder, {"type": "phase", "phase": "train", "stage": "train", "total": spec.get("steps", 3)})
    if act == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if act == "error":
        (folder / "error.json").write_text(
            json.dumps({"code": "DATA_REFUSED", "message": "No rows.", "retry": spec.get("retry", False)})
        )
        return 4
    if verb == "test_endpoint":
        told = {
            "keys": {k: len(v) for k, v in os.environ.items() if k.endswith("_API_KEY")},
            "ledger": os.environ["WB_LEDGER"],
        }
        (folder / "error.json").write_text(json.dumps({"code": "DATA_REFUSED", "message": json.dumps(told)}))
        return 4
    if act == "spent" and attempt == 1:
        (folder / "error.json").write_text(json.dumps({"code": "BUDGET_SPENT", "message": "The budget is spent."}))
        return 4
    if act == "once" and attempt == 1:
        return 139
    if act == "progress" and attempt < 6:
        emit(folder, {"type": "checkpoint", "step": attempt, "stage": "student", "folder": "x", "sha256": "y"})
        return 1
    if act == "flood":
        for _ in range(20 * 2**20 // 1000):
            print("x" * 999)
        print("the end")
    if act == "hang":
        while True:
            time.sleep(1)
    if act == "family":
        children = [subprocess.Popen(["sleep", spec["name"]], start_new_session=True) for _ in range(2)]
        emit(folder, {"type": "log", "level": "info", "message": f"{len(children)} children"})
    if act in ("wait", "family", "deaf"):
        asked = []
        signal.signal(signal.SIGTERM, lambda *_: None if act == "deaf" else asked.append(1))
        step = 0
        while not asked and step < spec.get("steps", 600):
            step += 1
            emit(folder, {"type": "progress", "done": step, "total": 600, "unit": "steps", "phase": "train"})
            time.sleep(0.1)
        if asked:
            emit(folder, {"type": "checkpoint", "step": step, "stage": "student", "folder": "x", "sha256": "y"})
            return 3
    emit(
        folder,
        *(
            {"type": "metric", "step": s, "arm": "student", "values": {"loss": 1 / s, "grad_norm": 1.0}}
            for s in range(1, spec.get("steps", 3) + 1)
        ),
    )
    older = [p for p in os.environ["WB_RESUME_FROM"].split(os.pathsep) if p]
    return finish(
        folder,
        {
            "key": spec.get("key", "stand-in"),
            "folder": "/models/stand-in",
            "facts": {"name": "stand-in"},
            "attempt": attempt,
            "older": len(older),
        },
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 and sys.argv[1] != "device" else ".")))
