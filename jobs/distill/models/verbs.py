"""Verb `add_model` of the engine child, and where a recipe's model lies for runs without the web app."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from ..errors import HubUnavailable, ModelRejected
from ..events import Events
from ..recipe import ModelRef
from . import hub
from .folder import MODEL_FILES, TEXT_FILES, check_files
from .inspect import inspect_model

TOKENS = ("WB_HUB_TOKEN", "HF_TOKEN")  # variables of the environment; a token never stands in a file of ours


def add_model(folder: Path, events: Events) -> dict[str, Any]:
    """params.json {source: "hub" | "folder", key, revision?, path?, target?} -> the model in `target`, and report.json.

    report: {facts (ModelFacts), folder, sha256, revision, licence}. A folder is copied to `target`, so that the files that
    were checked are the files that are used; without a target it is inspected where it lies. The hub token comes by the
    environment. Raises ModelRejected and HubUnavailable; half a model is never left under the target's name.
    """
    folder = Path(folder)
    params = json.loads((folder / "params.json").read_text(encoding="utf-8"))
    events.emit("phase", phase="prepare", stage="model", total=None)
    source, key = params["source"], params["key"]
    if source == "hub":
        fetched = hub.download(
            key, params.get("revision") or None, Path(params["target"]), token=_token(), events=events
        )
        events.log(f"{key} is pinned to commit {fetched.revision}.")
        place, revision = fetched.folder, fetched.revision
    else:
        place, revision = _take_folder(Path(params.get("path") or key).expanduser(), params.get("target"), events), None
    report = _report(place, key, source, revision)
    (folder / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")
    events.emit("report", report=report)
    return report


def _token() -> str | None:
    return next((os.environ[name] for name in TOKENS if os.environ.get(name)), None)


def _report(place: Path, key: str, source: str, revision: str | None) -> dict[str, Any]:
    facts = inspect_model(
        place, name=key if source == "hub" else Path(key).name or key, source=source, revision=revision
    )
    return {
        "facts": facts.model_dump(),
        "folder": str(place),
        "sha256": facts.sha256,
        "revision": revision or "",
        "licence": facts.licence or "",
    }


def _take_folder(source: Path, target: str | None, events: Events) -> Path:
    """A private copy of a folder's model files; the folder itself when no target is asked for."""
    files = [p for p in check_files(source) if MODEL_FILES.fullmatch(p.name) or TEXT_FILES.fullmatch(p.name)]
    if not target:
        return source
    final = Path(target)
    partial = final.with_name(final.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    progress = hub.Progress(events, sum(p.stat().st_size for p in files))
    for path in files:
        _copy(path, partial / path.name, progress)
    if final.exists():
        shutil.rmtree(final)
    partial.rename(final)
    return final


def _copy(source: Path, target: Path, progress: hub.Progress) -> None:
    """Never through a link: the file may have been exchanged since it was looked at."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        raise ModelRejected(
            f"{source.name} cannot be read.",
            code="MODEL_NOT_A_FILE",
            hint="Check the permissions of the model's folder.",
        ) from None
    with os.fdopen(descriptor, "rb") as f, target.open("wb") as out:
        while block := f.read(1 << 22):
            out.write(block)
            progress.add(len(block))


def resolve(ref: ModelRef | str, events: Events | None = None) -> Path:
    """Folder of a recipe's model: `sample/...`, a folder, or a hub id (downloaded once, kept in the cache folder).

    Raises ModelRejected, HubUnavailable.
    """
    model, revision = (ref, None) if isinstance(ref, str) else (ref.model, ref.revision)
    if model.startswith("sample/"):
        return _sample(model)
    place = Path(model).expanduser()
    if place.is_dir():
        return place
    if model.startswith((".", "/", "~")) or not hub.is_key(model):
        raise ModelRejected(
            f"There is no folder {model[:200]!r}.",
            code="MODEL_NOT_FOUND",
            field="model",
            hint="Give a folder, a hub id (org/name) or a sample (sample/...).",
        )
    return _cached(model, revision, _token(), events)


def _cached(key: str, revision: str | None, token: str | None, events: Events | None) -> Path:
    """One folder a commit, so that a newer revision never changes files that a run is reading."""
    base = cache_folder() / key.replace("/", "--")
    kept = [p for p in base.iterdir() if hub.complete_copy(p, key, p.name)] if base.is_dir() else []
    if revision and base / revision in kept:
        return base / revision
    try:
        commit = hub.pin(key, revision, token=token)
    except HubUnavailable as e:
        if not (e.retry and kept and revision is None):
            raise
        newest = max(kept, key=lambda p: (p / hub.MARKER).stat().st_mtime)
        if events:
            events.log(f"The hub cannot be reached; the local copy of {key} at {newest.name[:12]} is used.", "warning")
        return newest
    return hub.download(key, commit, base / commit, token=token, events=events).folder


def cache_folder() -> Path:
    """Where models fetched by the command line stay: WB_MODEL_CACHE, else the user's cache folder."""
    if path := os.environ.get("WB_MODEL_CACHE"):
        return Path(path)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "distillation-workbench" / "models"


def _sample(key: str) -> Path:
    """Folder of a shipped model. The samples are a package beside the engine and may be absent where it runs alone."""
    try:
        from jobs.samples.catalog import MODELS
    except ImportError:
        raise ModelRejected(
            f"{key}: the sample models are not part of this installation.",
            code="MODEL_NOT_FOUND",
            field="model",
            hint="Use a folder or a hub id.",
        ) from None
    for sample in MODELS:
        entry = sample if isinstance(sample, dict) else vars(sample)
        if entry.get("id") == key or entry.get("key") == key:
            return Path(entry["folder"])
    raise ModelRejected(
        f"There is no sample model {key!r}.",
        code="MODEL_NOT_FOUND",
        field="model",
        hint="python -m jobs.samples list shows them.",
    )
