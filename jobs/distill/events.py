"""What an engine child tells the world: one JSON object a line in `events.jsonl`. Light: no torch.

Every event has `n` (1, 2, 3 ... in this file), `at` (seconds since the epoch) and `type`. The types and their fields:

phase       phase (prepare|teacher|train|control|evaluate|export|upload), stage (name or null), total (steps or items)
progress    done, total, unit ("steps", "rows", "bytes"), rate (units per second), eta (seconds), phase
metric      step, arm ("student"|"control"), values {name: finite float}
sample      step, row_id, prompt, gold, student, teacher
rows        stage, file, rows, made, rejected, reasons {code: rows}, and facts of the stage
round       stage, round, score, gap_closed, rows, made, expected {score, low, high}, advice {gain, low, high, price, sentence}
review      stage, file, rows, note           the run stops here until a person has looked at outputs/<file>.jsonl
reason      field, value, why                 an automatic choice and its reason
log         level ("info"|"warning"|"error"), message
alarm       code, message, step               non-finite step skipped, collapse, repetition ...
checkpoint  step, stage, folder (relative), sha256
report      report (the object that is also in report.json)
error       code, message, field, hint, retry (the same as error.json)
done        seconds
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TYPES = (
    "phase", "progress", "metric", "sample", "rows", "round", "review", "reason", "log", "alarm", "checkpoint", "report", "error", "done"
)  # fmt: skip


def _finite(value: Any) -> Any:
    """JSON has no NaN: a non-finite number travels as its name, so that nobody mistakes it for a value."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return value


class Events:
    """Appends events to `folder/events.jsonl` and beats the supervisor's heart.

    The beacon is an inherited pipe named by WB_BEACON_FD: one byte an event says "still moving"; without it
    (a run by hand) nothing is written.
    """

    def __init__(self, folder: Path, echo: bool = False) -> None:
        self.path = Path(folder) / "events.jsonl"
        self.echo = echo
        self._n = sum(1 for _ in read(self.path)) if self.path.exists() else 0
        self._file = self.path.open("a", encoding="utf-8")
        beacon = os.environ.get("WB_BEACON_FD")
        self._beacon = int(beacon) if beacon else None

    def emit(self, type: str, **fields: Any) -> None:
        """Writes one event; raises ValueError for a type that is not in TYPES."""
        if type not in TYPES:
            raise ValueError(f"unknown event type {type!r}; one of {', '.join(TYPES)}")
        self._n += 1
        line = json.dumps({"n": self._n, "at": time.time(), "type": type, **_finite(fields)}, ensure_ascii=False)
        self._file.write(line + "\n")
        self._file.flush()
        self.beat()
        if self.echo:
            print(_sentence(type, fields), flush=True)

    def beat(self) -> None:
        """One byte to the supervisor; a supervisor that is gone is noticed elsewhere, so a broken pipe is no error here."""
        if self._beacon is None:
            return
        try:
            os.write(self._beacon, b".")
        except OSError:
            self._beacon = None

    def reason(self, field: str, value: Any, why: str) -> None:
        self.emit("reason", field=field, value=value, why=why)

    def log(self, message: str, level: str = "info") -> None:
        self.emit("log", level=level, message=message)

    def close(self) -> None:
        self._file.close()


def read(path: Path, after: int = 0) -> Iterator[dict[str, Any]]:
    """Events with n > after. A torn last line (the child was killed while writing) is left out."""
    with Path(path).open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.endswith("\n"):
                return
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event.get("n", 0) > after:
                yield event


def _sentence(type: str, f: dict[str, Any]) -> str:
    """One readable line for the terminal."""
    if type == "metric":
        return f"step {f['step']} [{f.get('arm', 'student')}] " + " ".join(
            f"{k}={v:.4g}" for k, v in f["values"].items()
        )
    if type == "progress":
        return f"{f.get('phase', '')} {f['done']}/{f['total']} {f.get('unit', '')}"
    if type == "reason":
        return f"{f['field']} = {f['value']}: {f['why']}"
    if type == "phase":
        return f"== {f['phase']} {f.get('stage') or ''}".rstrip()
    if type == "rows":
        return f"{f['stage']}: {f['made']:,} rows made, {f['rejected']:,} left out, {f['rows']:,} to learn from"
    if type == "round":
        gap = "" if f.get("gap_closed") is None else f", gap closed {f['gap_closed']:.3f}"
        return f"round {f['round']}: score {f['score']:.3f}{gap}, {f['rows']:,} rows"
    if type in ("log", "alarm", "error"):
        return f"{f.get('level', type)}: {f['message']}"
    return type
