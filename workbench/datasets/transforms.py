"""Transforms of a version: what they need from the library, a preview, the run that makes the next version, lineage, diff."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.models import Q

from jobs.distill.data.transforms import Step, parse_steps, recorded
from jobs.distill.errors import DataRefused, DatasetChanged
from workbench.library.models import Model
from workbench.runs import actions as runs
from workbench.runs.models import Kind, Run
from workbench.team.models import Team, User

from . import children
from .models import Dataset, DatasetVersion, StepDraft, Upload

PREVIEW_SECONDS, DIFF_SECONDS = 30, 60
PAGE = 20


@dataclass(frozen=True)
class SourceBlob:
    """The file a version was imported from, and how its columns were read."""

    blob_id: str
    filename: str
    roles: dict[str, str]
    options: dict[str, Any]

    def as_dict(self, file: str) -> dict[str, Any]:
        return {"file": file, "filename": self.filename, "roles": self.roles, "options": self.options}


@dataclass(frozen=True)
class Needed:
    """What steps read beside the rows: versions by `key@number`, models by key, the source file."""

    versions: dict[str, DatasetVersion]
    models: dict[str, Model]
    source: SourceBlob | None


def parsed(steps: Any) -> list[Step]:
    """Steps of plain data. Raises DataRefused naming the step and its field."""
    return parse_steps(steps)


def needed(team: Team, version: DatasetVersion | None, steps: Sequence[Step]) -> Needed:
    """Raises DataRefused with the number of the step for what the team does not have."""
    versions: dict[str, DatasetVersion] = {}
    models: dict[str, Model] = {}
    source = None
    for n, step in enumerate(steps, 1):
        wants = step.needs()
        if name := wants.get("version"):
            versions[name] = _other(team, name, n, step)
        if key := wants.get("tokenizer"):
            models[key] = _model(team, key, n, step)
        if "source" in wants and version is not None:
            source = _source(version)
    return Needed(versions, models, source)


def _other(team: Team, name: str, n: int, step: Step) -> DatasetVersion:
    key, _, number = name.rpartition("@")
    seen = Q(dataset__team=team) | Q(dataset__team=None)
    found = DatasetVersion.objects.filter(seen, dataset__key=key, number=int(number)).select_related("dataset")
    version = found.order_by("dataset__team_id").first()
    if version is None:
        raise DataRefused(
            f"Step {n} ({step.title}), Dataset: there is no dataset {key} with a version {number}.",
            field=f"steps.{n}.dataset",
            hint="Write the name that recipes use; it stands on the dataset's page.",
        )
    pinned = getattr(step, "sha256", "")
    if pinned and pinned != version.sha256:
        raise DatasetChanged(
            f"Step {n} ({step.title}): it was made for rows with hash {pinned[:12]}…, {key} version {number} has {version.sha256[:12]}….",
            field=f"steps.{n}.sha256",
            hint="Make the step again with the present version.",
        )
    return version


def _model(team: Team, key: str, n: int, step: Step) -> Model:
    for model in Model.objects.filter(Q(team=team) | Q(team=None), key=key).order_by("team_id", "-created_at"):
        if (Path(model.folder) / "tokenizer.json").is_file():
            return model
    raise DataRefused(
        f"Step {n} ({step.title}), Tokens of: the library has no model {key} with a tokenizer.",
        field=f"steps.{n}.tokenizer",
        hint="Choose a model of the library, or count characters.",
    )


def _source(version: DatasetVersion) -> SourceBlob | None:
    """None for a version that other steps made: its rows are no longer those of a file."""
    if not version.source_blob_id or version.steps:
        return None
    spec = (version.created_by_run.spec if version.created_by_run else None) or {}
    upload = Upload.objects.filter(pk=spec["upload"]).first() if spec.get("upload") else None
    name = upload.filename if upload else f"rows.{version.mapping.get('format') or 'txt'}"
    return SourceBlob(
        str(version.source_blob_id), name, version.mapping.get("roles") or {}, version.mapping.get("options") or {}
    )


def mapping_after(mapping: dict[str, Any], steps: Sequence[Step]) -> dict[str, Any]:
    """The mapping of the new version: the parent's, with new roles and a split of its own where steps gave them."""
    out = dict(mapping)
    for step in steps:
        if step.name == "map_roles":
            out["roles"] = dict(getattr(step, "roles"))  # noqa: B009 - a field of this kind of step only
        if step.name == "split":
            out["split"] = "by a recorded step"
    return out


def pinned(team: Team, steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The record of the steps, with the content hash of every version they join."""
    out = recorded(steps)
    for n, (step, record) in enumerate(zip(steps, out, strict=True), 1):
        if name := step.needs().get("version"):
            record["sha256"] = _other(team, name, n, step).sha256
    return out


def preview(team: Team, version: DatasetVersion, data: Any) -> dict[str, Any]:
    """What the steps would do, computed by a limited child over at most 20,000 rows. Raises DataRefused."""
    steps = parsed(data)
    need = needed(team, version, steps)
    return children.ask(
        {
            "verb": "preview",
            "path": str(children.local_copy(version.rows_blob_id)),
            "steps": recorded(steps),
            "versions": {name: str(children.local_copy(v.rows_blob_id)) for name, v in need.versions.items()},
            "tokenizers": {key: model.folder for key, model in need.models.items()},
            "source": need.source.as_dict(str(children.local_copy(need.source.blob_id))) if need.source else None,
        },
        PREVIEW_SECONDS,
        children.TRANSFORMS,
    )


def start(team: Team, user: User | None, version: DatasetVersion, data: Any, title: str = "", draft: Any = None) -> Run:
    """Queues the run that makes the next version, or with a title a dataset of its own. Raises DataRefused.

    The same version and steps give the same run: a double click makes one version.
    """
    steps = parsed(data)
    needed(team, version, steps)
    if version.dataset.team_id != team.pk and not title:
        title = f"{version.dataset.title}, changed"
    spec = {"version": str(version.pk), "sha256": version.sha256, "steps": pinned(team, steps)}
    spec |= {"title": title} if title else {}
    key = uuid.uuid5(version.pk, json.dumps([str(team.pk), spec], sort_keys=True))
    if (run := Run.objects.filter(idem_key=key, team=team).first()) and run.state in (
        "failed",
        "cancelled",
        "quarantined",
    ):
        key = uuid.uuid4()
    name = f"{title or version.dataset.title}: {steps[0].title.lower()}" + (
        f" and {len(steps) - 1} more" if len(steps) > 1 else ""
    )
    return runs.start_run(
        Kind.TRANSFORM_DATASET,
        team,
        user,
        name,
        spec | ({"draft": draft} if draft is not None else {}),
        idem_key=key,
        dataset_version=version,
    )


def made_by(run: Run) -> DatasetVersion | None:
    return DatasetVersion.objects.filter(created_by_run=run).select_related("dataset").first()


def diff(old: DatasetVersion, new: DatasetVersion, page: int = 1, kind: str = "", query: str = "") -> dict[str, Any]:
    """{counts, matching, rows, page, pages, searched}: which rows differ, with marked texts. Raises DataRefused."""
    page = max(1, page)
    reply = children.ask(
        {
            "verb": "diff",
            "old": str(children.local_copy(old.rows_blob_id)),
            "new": str(children.local_copy(new.rows_blob_id)),
            "same_file": origin(old) == origin(new),
            "kind": kind,
            "query": query,
            "offset": (page - 1) * PAGE,
            "limit": PAGE,
        },
        DIFF_SECONDS,
        children.TRANSFORMS,
    )
    return {**reply, "page": page, "pages": max(1, -(-reply["matching"] // PAGE))}


def origin(version: DatasetVersion) -> uuid.UUID:
    """The imported version that this one descends from."""
    seen = {version.pk}
    while version.parent and version.parent_id not in seen:
        version = version.parent
        seen.add(version.pk)
    return version.pk


def lineage(dataset: Dataset, team: Team) -> list[dict[str, Any]]:
    """Versions as a tree in the order of their numbers: [{version, depth, words, parent, joined, away}].

    `away`: the version came from another dataset, `parent` names it where the team may see it.
    """
    versions = list(
        dataset.versions.select_related("parent__dataset").prefetch_related("joined__dataset").defer("facts", "profile")
    )
    own = {v.pk for v in versions}
    below: dict[Any, list[DatasetVersion]] = {}
    for version in sorted(versions, key=lambda v: v.number):
        below.setdefault(version.parent_id if version.parent_id in own else None, []).append(version)
    out: list[dict[str, Any]] = []

    def walk(parent: Any, depth: int) -> None:
        for version in below.get(parent, []):
            out.append(_node(version, depth, own, team))
            walk(version.pk, depth + 1)

    walk(None, 0)
    return out


def _node(version: DatasetVersion, depth: int, own: set[Any], team: Team) -> dict[str, Any]:
    def seen(other: DatasetVersion) -> bool:
        return other.dataset.team_id in (None, team.pk)

    away = version.parent if version.parent and version.parent_id not in own and seen(version.parent) else None
    return {
        "version": version,
        "depth": depth,
        "words": words(version.steps),
        "parent": version.parent,
        "away": away,
        "joined": [v for v in version.joined.all() if seen(v)],
    }


def words(steps: Any) -> list[str]:
    """Each recorded step in a sentence."""
    return [step.words() for step in parsed(steps)] if steps else []


def draft(version: DatasetVersion, user: User) -> StepDraft:
    """The steps this person is putting together for the version; empty ones at first."""
    return StepDraft.objects.filter(version=version, user=user).first() or StepDraft(version=version, user=user)


def keep(draft: StepDraft, steps: list[dict[str, Any]]) -> None:
    StepDraft.objects.update_or_create(version=draft.version, user=draft.user, defaults={"steps": steps})
