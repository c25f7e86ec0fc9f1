"""The shaped student of a run becomes a model of the team's library, to be picked as teacher or student later."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings

from jobs.distill.errors import ArtifactDamaged
from workbench.library.models import Model, Source
from workbench.runs.models import Run

from . import profile_dataset

FOLDER, DESCRIBED, SUMS = "student", "student.json", "SHA256SUMS"
LARGEST_DOWNLOAD = (
    512 * 2**20
)  # bytes; a larger student lies with the library's models and is not copied into the database


def described(folder: Path) -> dict[str, Any] | None:
    """{key, made_of, facts} of the student that a run made; None where it used one as it was."""
    path = folder / DESCRIBED
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def files(folder: Path) -> dict[str, Path]:
    """The student's files for the run's downloads, by name; none where it is too large for that."""
    found = sorted(p for p in (folder / FOLDER).glob("*") if p.is_file() and not p.is_symlink())
    small = sum(p.stat().st_size for p in found) <= LARGEST_DOWNLOAD
    return {f"{FOLDER}/{p.name}": p for p in found} if small else {}


def keep(run: Run, folder: Path) -> Path:
    """Copies the student to where the worker keeps models. Safe to repeat; raises ArtifactDamaged when bytes were lost."""
    target = Path(settings.MODELS_DIR) / str(run.team_id) / f"{run.pk}-{FOLDER}"
    sums = (folder / FOLDER / SUMS).read_text()
    if target.is_dir() and (target / SUMS).is_file() and (target / SUMS).read_text() == sums and not damaged(target):
        return target
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(folder / FOLDER, partial)
    if name := damaged(partial):
        shutil.rmtree(partial)
        raise ArtifactDamaged(
            f"The shaped student changed after the run: {name} is not what was made.", hint="Start the run again."
        )
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return target


def damaged(place: Path) -> str | None:
    """The first file that differs from the hash it was written with; None: all are whole."""
    for line in (place / SUMS).read_text().splitlines():
        wanted, name = line.split("  ", 1)
        with (place / name).open("rb") as f:
            if hashlib.file_digest(f, "sha256").hexdigest() != wanted:
                return name
    return None


def register(run: Run, place: Path, about: dict[str, Any]) -> Model:
    """The library's entry; a repeated commit renews it."""
    facts = about["facts"]
    values = {
        "title": f"{run.title}: student"[:200],
        "source": Source.FOLDER,
        "sha256": facts["sha256"],
        "folder": str(place),
        "facts": facts,
        "licence": str(facts.get("licence") or "")[:200],
        "attribution": f"Made from {about['made_of']} by run {run.number}.",
        "added_by_run": run,
    }
    model, _ = Model.objects.update_or_create(team=run.team, key=about["key"][:400], revision="", defaults=values)
    profile_dataset.profile_for_new_tokenizers(run)
    return model
