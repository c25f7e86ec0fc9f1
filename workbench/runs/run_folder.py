"""The run folder's inputs as a download: what a worker gets, minus the places on its disk."""

from __future__ import annotations

import json
from collections.abc import Iterator

import yaml

from jobs.distill import recipe as recipes
from jobs.distill.errors import RecipeInvalid
from workbench.adapters.zipped import Entry

from . import blobs
from .models import Kind, Run

README = """Run {number}: {title}

This folder holds everything this run was given. On any machine with the engine installed:

    python -m jobs.distill run run-{number}

It writes events.jsonl, checkpoints/, adapter/ and report.json next to these files and needs no web server, database
or broker. Models that are named in models.json and not on that machine are fetched from the Hugging Face hub by
their revision; sample models are made by: python -m jobs.samples
"""


def recipe_text(run: Run) -> str:
    """The frozen spec as YAML, as the studio and the command line read it: only what was chosen, not every default."""
    try:
        return recipes.to_yaml(recipes.parse(run.spec))
    except RecipeInvalid:  # other kinds of work, and recipes of older versions
        return yaml.safe_dump(run.spec, sort_keys=False, allow_unicode=True, width=110)


def models(run: Run) -> dict[str, dict[str, str | None]]:
    out = {}
    further = {str(ref.get("id")): ref for ref in run.spec.get("teachers") or []}
    for role, ref in {"teacher": run.spec.get("teacher"), "student": run.spec.get("student"), **further}.items():
        if ref:
            out[role] = {"key": ref.get("model"), "revision": ref.get("revision"), "sha256": ref.get("sha256")}
    return out


def entries(run: Run) -> Iterator[Entry]:
    """Name and bytes of each file of the zip."""
    top = f"run-{run.number}"
    yield f"{top}/README.txt", [README.format(number=run.number, title=run.title).encode()]
    yield f"{top}/recipe.yaml", [recipe_text(run).encode()]
    yield f"{top}/models.json", [json.dumps(models(run), indent=2).encode()]
    if run.plan:
        yield f"{top}/plan.json", [json.dumps(run.plan, indent=2).encode()]
    if run.kind == Kind.DISTILL and run.dataset_version:
        yield f"{top}/data/rows.parquet", blobs.iter_chunks(run.dataset_version.rows_blob_id)
