"""A distillation leaves an adapter, its report, its recipe and its log."""

from __future__ import annotations

from pathlib import Path

from jobs.distill.errors import Transient
from workbench.runs.models import Run

from .. import signals
from ..folder import described_teacher
from .outcome import Outcome, present, read_report


def collect(run: Run, folder: Path) -> Outcome:
    report = read_report(folder)
    adapter = sorted(p for p in (folder / "adapter").rglob("*") if p.is_file() and not p.is_symlink())
    if not any(p.name == "adapter_model.safetensors" for p in adapter):
        raise Transient(
            "The engine ended well but left no adapter.", code="ADAPTER_MISSING", hint="See the log of the run."
        )
    files = {str(p.relative_to(folder)): p for p in adapter} | present(
        folder, ("report.json", "recipe.yaml", "engine.log")
    )
    signals.keep(described_teacher(folder), folder)
    return Outcome(report, files, tuple(files))
