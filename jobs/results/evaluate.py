"""An evaluation leaves its report and its log."""

from __future__ import annotations

from pathlib import Path

from workbench.runs.models import Run

from .outcome import Outcome, present, read_report


def collect(run: Run, folder: Path) -> Outcome:
    files = present(folder, ("report.json", "engine.log"))
    return Outcome(read_report(folder), files, tuple(files))
