"""What an engine child left in its folder, read and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.distill.errors import Transient
from workbench.runs.models import Blob, Run


@dataclass(frozen=True)
class Outcome:
    """`files`: bytes to store by name; those in `artifacts` are listed with the run; `commit` runs inside the final transaction."""

    report: dict[str, Any] | None
    files: dict[str, Path] = field(default_factory=dict)
    artifacts: tuple[str, ...] = ()
    commit: Callable[[Run, dict[str, Blob]], None] | None = None


def read_report(folder: Path, name: str = "report.json") -> dict[str, Any]:
    """The report without NaN, which PostgreSQL cannot store; raises Transient when the engine left none."""
    path = folder / name
    try:
        report = _finite(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise Transient(
            "The engine ended well but left no readable report.", code="REPORT_MISSING", hint="See the log of the run."
        ) from error
    if not isinstance(report, dict):
        raise Transient("The engine's report is not an object.", code="REPORT_MISSING", hint="See the log of the run.")
    return report


def present(folder: Path, names: tuple[str, ...]) -> dict[str, Path]:
    """Those of the named files that are there."""
    return {name: folder / name for name in names if (folder / name).is_file()}


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_finite(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return value
