"""Verb `prepare_samples` of the engine child: are the shipped samples whole, and what does the compiler need to know of them?"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ..errors import ModelChanged, ModelRejected
from ..events import Events
from .inspect import inspect_model


def prepare_samples(folder: Path, events: Events) -> dict[str, Any]:
    """report.json: {models: {key: ModelFacts}, datasets: {key: {facts, profile}}}; raises ModelChanged for a damaged file."""
    try:
        from jobs.samples.catalog import DATASETS, MODELS
    except ImportError:
        raise ModelRejected(
            "The samples are not part of this installation.", code="MODEL_NOT_FOUND", hint="Install the whole project."
        ) from None
    from ..data.load import iter_rows
    from ..data.profile import profile

    events.emit("phase", phase="prepare", stage="samples", total=len(MODELS) + len(DATASETS))
    report: dict[str, Any] = {"models": {}, "datasets": {}}
    for model in MODELS:
        check(model.folder, model.files)
        report["models"][model.key] = inspect_model(model.folder, name=model.key, source="sample").model_dump(
            mode="json"
        )
        events.log(f"{model.title} is whole.")
    tokenizers = {
        facts["tokenizer"]["vocab_sha256"]: {
            "folder": str(model.folder),
            "vocab_sha256": facts["tokenizer"]["vocab_sha256"],
            "title": model.title,
            "context": facts["context"],
        }
        for model, facts in zip(MODELS, report["models"].values(), strict=True)
    }
    for data in DATASETS:
        check(data.folder, data.files)
        rows = data.folder / data.rows
        sha256 = hashlib.sha256(rows.read_bytes()).hexdigest()
        report["datasets"][data.key] = profile(
            iter_rows(rows), sha256, list(tokenizers.values()), 0.1, lambda done: events.beat()
        )
        events.log(f"{data.title} is whole.")
    (Path(folder) / "report.json").write_text(json.dumps(report, ensure_ascii=False), encoding="utf-8")
    return report


def check(folder: Path, files: Any) -> None:
    """Raises ModelChanged unless every listed file is there as it was shipped."""
    for file in files:
        path = Path(folder) / file.name
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "nothing"
        if found != file.sha256:
            raise ModelChanged(
                f"The sample file {file.name} is not as it was shipped: {found[:12]} instead of {file.sha256[:12]}.",
                hint="Restore the folder jobs/samples from version control.",
            )
