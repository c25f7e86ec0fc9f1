"""A dry run leaves what two real steps took, and its log; nothing of what it trained."""

from __future__ import annotations

from pathlib import Path

from workbench.runs.models import Run

from .outcome import Outcome, present, read_report


def collect(run: Run, folder: Path) -> Outcome:
    files = present(folder, ("dry_run.json", "engine.log"))
    return Outcome(read_report(folder, "dry_run.json"), files, tuple(files))
