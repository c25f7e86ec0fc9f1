"""What a stage that writes would ask about the first rows of the chosen version: filled in by a child, nobody is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.distill.errors import RecipeInvalid
from workbench.datasets import children
from workbench.team.models import Team

from . import paths, queries


def preview(team: Team, fields: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """{questions: [{id, question, asked, why}], note}. `stage` is its path, `stages.1` or a path below it.

    Raises RecipeInvalid where the recipe names no such stage or no dataset, DataRefused of the child otherwise.
    """
    wanted = _stage(fields, stage)
    given = fields.get("data")
    data: Mapping[str, Any] = given if isinstance(given, dict) else {}
    versions = queries.versions(team, str(data.get("dataset") or ""))
    version = next((v for v in versions if data.get("version") in (None, "", v.number)), None)
    if version is None:
        raise RecipeInvalid("Choose a dataset first: the preview shows its rows.", field="data.dataset")
    path = children.local_copy(version.rows_blob_id)
    return children.ask({"verb": "prompts", "path": str(path), "stage": wanted})


def _stage(fields: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The stage of this path, or of the nearest one above it."""
    while path:
        found = paths.get(fields, path)
        if isinstance(found, dict) and found.get("kind") == "write":
            return dict(found)
        path = path.rpartition(".")[0]
    raise RecipeInvalid("This is no stage that writes.", field="stages", hint="Name a stage of the kind write.")
