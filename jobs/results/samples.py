"""The samples that ship with the workbench."""
from pathlib import Path

from workbench.runs.models import Run

from .outcome import Outcome, read_report


def collect(run: Run, folder: Path) -> Outcome:
    return Outcome(read_report(folder))
