"""Adding a model leaves its facts and the place where the worker keeps its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs.distill.errors import Transient
from workbench.library.models import Model, Source
from workbench.runs.models import Blob, Run

from . import profile_dataset
from .outcome import Outcome, present, read_report


def collect(run: Run, folder: Path) -> Outcome:
    report = read_report(folder)
    facts = report.get("facts")
    if not isinstance(facts, dict) or not report.get("folder"):
        raise Transient(
            "The engine ended well but left no facts about the model.",
            code="REPORT_MISSING",
            hint="See the log of the run.",
        )
    files = present(folder, ("engine.log",))

    def commit(run: Run, blobs: dict[str, Blob]) -> None:
        model = save_model(run, report, facts)
        public["model"] = str(model.pk)
        profile_dataset.profile_for_new_tokenizers(run)

    public = {k: v for k, v in report.items() if k not in ("folder", "facts")}
    return Outcome(public, files, tuple(files), commit)


def save_model(run: Run, report: dict[str, Any], facts: dict[str, Any]) -> Model:
    """The library's entry for these files; adding the same revision again renews it."""
    key = str(report.get("key") or run.spec.get("key") or run.spec.get("model") or facts["name"])[:400]
    values = {
        "title": str(report.get("title") or run.spec.get("title") or key)[:200],
        "source": str(report.get("source") or run.spec.get("source") or Source.HUB),
        "sha256": str(report.get("sha256") or facts.get("sha256") or ""),
        "folder": str(report["folder"]),
        "facts": facts,
        "licence": str(report.get("licence") or facts.get("licence") or "")[:200],
        "added_by_run": run,
    }
    revision = str(report.get("revision") or facts.get("revision") or "")
    model, _ = Model.objects.update_or_create(team=run.team, key=key, revision=revision, defaults=values)
    return model
