"""A distillation leaves an adapter, its report, its recipe, its log, what the models said, and the student where it made one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jobs.distill.errors import Transient
from workbench.runs.models import Blob, Run

from .. import signals
from ..folder import described_teachers
from . import student as shaped
from .outcome import Outcome, present, read_report


def collect(run: Run, folder: Path) -> Outcome:
    report = read_report(folder)
    adapter = sorted(p for p in (folder / "adapter").rglob("*") if p.is_file() and not p.is_symlink())
    if not any(p.name == "adapter_model.safetensors" for p in adapter):
        raise Transient(
            "The engine ended well but left no adapter.", code="ADAPTER_MISSING", hint="See the log of the run."
        )
    files = {str(p.relative_to(folder)): p for p in adapter} | present(
        folder, ("report.json", "recipe.yaml", "engine.log", "rows.jsonl")
    )
    files |= {str(p.relative_to(folder)): p for p in sorted((folder / "outputs").glob("*.jsonl")) if not p.is_symlink()}
    signals.keep(described_teachers(folder), folder)
    commit = _student(run, folder, files)
    return Outcome(report, files, tuple(files), commit)


def _student(run: Run, folder: Path, files: dict[str, Path]) -> Callable[[Run, dict[str, Blob]], None] | None:
    """A student that was cut to a shape is listed with the run and becomes a model of the library."""
    about = shaped.described(folder)
    if about is None:
        return None
    files |= shaped.files(folder)
    place = shaped.keep(run, folder)

    def commit(run: Run, blobs: dict[str, Blob]) -> None:
        shaped.register(run, place, about)

    return commit
