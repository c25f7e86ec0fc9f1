"""A profile belongs to the dataset version it measured: facts for the plan compiler, statistics for the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db.models import Q

from workbench.datasets.models import DatasetVersion
from workbench.library.models import Model
from workbench.runs import actions
from workbench.runs.models import Blob, Kind, Run

from .outcome import Outcome, present, read_report

FILES = ("behind.parquet", "lengths.parquet")  # the rows behind the numbers, kept with the run


def collect(run: Run, folder: Path) -> Outcome:
    report = read_report(folder)
    chosen = str(run.dataset_version_id or run.spec.get("version"))
    files = present(folder, FILES)
    if run.spec.get("against"):
        # What stands in another dataset belongs to the team that asked, so it stays with the run, also for shared samples.
        found = {"version_id": chosen, "contamination": report.get("contamination") or []}
        return Outcome(found, files, tuple(files))

    def commit(run: Run, blobs: dict[str, Blob]) -> None:
        version = DatasetVersion.objects.select_for_update().filter(pk=chosen).first()
        if version:
            version.facts = _merged(version.facts or {}, report.get("facts") or {})
            version.profile = _merged_profile(version.profile or {}, report.get("profile") or {}, str(run.pk))
            version.save(update_fields=["facts", "profile"])

    # The lengths of 20,000 rows belong to the version, not a second time to the run.
    return Outcome({"version_id": chosen}, files, tuple(files), commit)


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """New facts, with the lengths that other tokenizers (another team's models) gave before."""
    if old.get("sha256") != new.get("sha256"):
        return new
    return new | {name: (old.get(name) or {}) | (new.get(name) or {}) for name in ("prompt_lengths", "answer_lengths")}


def _merged_profile(old: dict[str, Any], new: dict[str, Any], run_id: str) -> dict[str, Any]:
    """The new profile, with the measurements of other tokenizers before; each says which run keeps the rows behind it."""
    tokens = {name: found | {"run": run_id} for name, found in (new.get("tokens") or {}).items()}
    return new | {"run": run_id, "tokens": (old.get("tokens") or {}) | tokens}


def profile_for_new_tokenizers(run: Run) -> None:
    """Measures the newest version of every dataset the team sees that has no lengths yet for the tokenizer of one of its models."""
    wanted = {
        m.facts["tokenizer"]["vocab_sha256"]
        for m in Model.objects.filter(visible(run))
        if m.facts and "tokenizer" in m.facts
    }
    newest = (
        DatasetVersion.objects.filter(visible(run, "dataset__"))
        .order_by("dataset_id", "-number")
        .distinct("dataset_id")
    )
    for version in newest.select_related("dataset"):
        if wanted - set((version.facts or {}).get("prompt_lengths") or {}):
            start(run, version)


def start(run: Run, version: DatasetVersion) -> Run:
    """The profile of a version, as a run of its own."""
    title, spec = f"Profile of {version.dataset.title}"[:200], {"version": str(version.pk)}
    return actions.start_run(
        Kind.PROFILE_DATASET, run.team, run.created_by, title, spec, dataset_version=version, parent=run
    )


def visible(run: Run, prefix: str = "") -> Q:
    return Q(**{f"{prefix}team": run.team}) | Q(**{f"{prefix}team": None})
