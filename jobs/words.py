"""How a crash is told: what happened, in words, with the end of the log as evidence."""

from __future__ import annotations

import signal
from typing import Any

from .child import Child

MEMORY_WORDS = ("MemoryError", "std::bad_alloc", "Cannot allocate memory", "out of memory: killed")


def crash(child: Child, code: int | None, hung: bool) -> dict[str, Any]:
    """{code, message, hint, retry, log} for an engine that ended without saying why."""
    lines = child.log_tail(100)
    name, message, hint = _told(code or 0, hung, child.memory_kills(), lines, child.limits.memory_bytes)
    return {"code": name, "message": message, "hint": hint, "retry": True, "log": lines}


def _told(code: int, hung: bool, memory_kills: int, lines: list[str], limit: int) -> tuple[str, str, str]:
    if hung:
        return "HUNG", "The engine stopped moving and was ended.", "The log ends with what every thread was doing."
    if memory_kills and code == -signal.SIGKILL:
        return (
            "KILLED_BY_MEMORY",
            "The engine was killed by the memory limit of this machine.",
            "Use a smaller micro-batch or model, or a machine with more memory.",
        )
    if code not in (0, 3, 4) and any(word in line for line in lines[-20:] for word in MEMORY_WORDS):
        size = f" of {limit / 2**30:.0f} GiB" if limit else ""
        return (
            "KILLED_BY_MEMORY",
            f"The engine ran into the memory limit{size}.",
            "Use a smaller micro-batch, model or file, or a machine with more memory.",
        )
    if code < 0:
        return (
            "CRASHED",
            f"The engine was ended by signal {-code} ({_signal(-code)}).",
            "The end of its log is kept with the run.",
        )
    return (
        "CRASHED",
        f"The engine ended unexpectedly with exit code {code}.",
        "The end of its log is kept with the run.",
    )


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
