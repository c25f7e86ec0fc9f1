"""Bytes and seconds as people read them: one place, so that page, API and command line say the same."""

from __future__ import annotations

import math
from typing import Any

NONE = "–"


def finite(value: Any) -> float | None:
    """The value as a number; None for what is none, or not finite."""
    try:
        x = float(value)
    except (TypeError, ValueError):
        return None
    return x if math.isfinite(x) else None


def size(value: Any) -> str:
    """Bytes in binary units: 3.4 GiB."""
    x = finite(value)
    if x is None:
        return NONE
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(x) < 1024 or unit == "TiB":
            break
        x /= 1024
    return f"{x:.0f} {unit}" if unit == "B" or x >= 100 else f"{x:.1f} {unit}"


def duration(value: Any) -> str:
    """Seconds in words that fit: 1.4 s, 48 s, 3 min 10 s, 2 h 5 min, 3 d 4 h."""
    x = finite(value.total_seconds() if hasattr(value, "total_seconds") else value)
    if x is None:
        return NONE
    if x < 9.95:
        return f"{max(x, 0):.1f} s".replace(".0 s", " s")
    s = round(x)
    for big, unit, rest, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if s >= big:
            tail = s % big // rest
            return f"{s // big} {unit} {tail} {small}" if tail else f"{s // big} {unit}"
    return f"{s} s"
