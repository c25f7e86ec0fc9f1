"""Rows that are already somewhere: at an address, on the hub, in another version, in what a run wrote."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils.text import slugify

from jobs.distill.errors import DataRefused
from jobs.distill.net import addresses
from workbench.library.actions import set_hub_token
from workbench.runs import actions as runs
from workbench.runs import making
from workbench.runs.models import Artifact, Kind, Run, State
from workbench.team.models import Team, User

from . import actions, children
from .models import Dataset, DatasetVersion, Upload

WHO = {
    "teacher": "What the teacher answered for training",
    "heldout-teacher": "The teacher on the held-out rows",
    "heldout-student": "The student on the held-out rows",
    "heldout-base": "The base on the held-out rows",
    "heldout-control": "The control on the held-out rows",
}


def fetch_address(
    team: Team, user: User, url: str, into: Dataset | None = None, idem_key: uuid.UUID | None = None
) -> Run:
    """Starts the download. Raises AddressRefused at once for what can be told without asking anybody."""
    address = addresses.read(url, addresses.read_allowed(settings.ALLOWED_PRIVATE_HOSTS))
    spec = {"source": "url", "url": address.url, "shown": address.shown, "into": _id(into)}
    return _start(team, user, f"Fetch {address.shown}", spec, idem_key)


def fetch_from_hub(
    team: Team,
    user: User,
    wanted: dict[str, str],
    into: Dataset | None = None,
    idem_key: uuid.UUID | None = None,
) -> Run:
    """Starts fetching files of a dataset of the hub; `wanted`: dataset, config, split, revision, token (kept sealed)."""
    if token := wanted.get("token"):
        set_hub_token(team, user, token)
    names = ("dataset", "config", "split", "revision")
    spec = {"source": "hub", "into": _id(into)} | {n: wanted.get(n) or "" for n in names}
    return _start(team, user, f"Fetch {spec['dataset']}", spec, idem_key)


def _start(team: Team, user: User, title: str, spec: dict[str, Any], idem_key: uuid.UUID | None) -> Run:
    """The same form with the same answers gives the same run; with other answers it is another form."""
    key = uuid.uuid5(team.pk, f"{idem_key}{runs.canonical(spec)}") if idem_key else None
    return runs.start_run(Kind.FETCH_DATASET, team, user, title, spec, idem_key=key)


def _id(dataset: Dataset | None) -> str | None:
    return str(dataset.pk) if dataset else None


def fetches(team: Team) -> QuerySet[Run]:
    """Downloads that are under way or did not succeed, the newest first."""
    return Run.objects.filter(team=team, kind=Kind.FETCH_DATASET).exclude(state__in=[State.SUCCEEDED, State.CANCELLED])


def fetched(run: Run) -> Upload | None:
    return Upload.objects.filter(fetched_by=run).first()


# -- another version ------------------------------------------------------------------------------------------------


def versions(team: Team) -> QuerySet[DatasetVersion]:
    """Every version the team sees, the team's own first, the newest first."""
    seen = DatasetVersion.objects.filter(Q(dataset__team=team) | Q(dataset__team=None))
    return (
        seen.select_related("dataset")
        .defer("facts", "profile", "mapping")
        .order_by("dataset__team_id", "dataset__title", "-number")
    )


def copy_version(
    team: Team, version: DatasetVersion, title: str, into: Dataset | None = None, key: uuid.UUID | None = None
) -> DatasetVersion:
    """The rows of a version as they are, as the first version of a new dataset or the next one of `into`. Nothing is copied:
    bytes are stored once by their hash. The same `key` gives the same version."""
    with transaction.atomic():
        if into is not None:
            target = Dataset.objects.select_for_update().get(pk=into.pk)
        else:
            target, fresh = _own_dataset(team, version, title, key)
            if not fresh:
                return target.versions.get(number=1)
        origin = {
            "kind": "version",
            "version": str(version.pk),
            "dataset": version.dataset.key,
            "number": version.number,
        }
        newest = target.versions.aggregate(newest=Max("number"))["newest"] or 0
        latest = target.versions.filter(number=newest).first()
        if latest and latest.sha256 == version.sha256:
            return latest  # the same rows once more would be a version without a difference
        return DatasetVersion.objects.create(
            dataset=target, number=newest + 1, sha256=version.sha256, rows_blob_id=version.rows_blob_id,
            source_blob_id=version.source_blob_id, refused_blob_id=version.refused_blob_id, mapping=version.mapping,
            counts=version.counts, facts=version.facts, profile=version.profile, parent=version, origin=origin,
        )  # fmt: skip


def _own_dataset(team: Team, version: DatasetVersion, title: str, key: uuid.UUID | None) -> tuple[Dataset, bool]:
    """A dataset of the team with the source's licence; its id is made from the form's key, so that a second click finds the first."""
    key = uuid.uuid5(team.pk, f"{key}{version.pk}{title}") if key else None
    if key and (found := Dataset.objects.filter(pk=key, team=team).first()):
        return found, False
    source = version.dataset
    base = slugify(title)[:180] or "dataset"
    taken = set(Dataset.objects.filter(team=team, key__startswith=base).values_list("key", flat=True))
    name = next(k for n in range(1, len(taken) + 2) if (k := base if n == 1 else f"{base}-{n}") not in taken)
    made, fresh = Dataset.objects.get_or_create(
        pk=key or uuid.uuid4(),
        defaults={
            "team": team, "key": name, "title": title[:200], "licence": source.licence, "attribution": source.attribution,
        },
    )  # fmt: skip
    return made, fresh


def original_file(
    team: Team, user: User, version: DatasetVersion, into: Dataset | None = None, idem_key: uuid.UUID | None = None
) -> Upload:
    """The file that a version was made from, to choose its columns anew. Raises DataRefused where none was kept."""
    if not version.source_blob_id:
        raise DataRefused(
            f"Version {version.number} of {version.dataset.title} was not made from a file.",
            field="version",
            hint="Start from its rows as they are.",
        )
    mapping = version.mapping or {}
    name = f"{slugify(version.dataset.title)[:100] or 'rows'}.{mapping.get('format') or 'txt'}"
    earlier = Upload.objects.filter(blob_id=version.source_blob_id, team=team).first()
    origin = {"kind": "version", "version": str(version.pk), "dataset": version.dataset.key, "number": version.number}
    return _take_blob(team, user, version.source_blob_id, earlier.filename if earlier else name, into, origin, idem_key)


# -- what a run wrote -----------------------------------------------------------------------------------------------


def outputs(team: Team, limit: int = 50) -> list[dict[str, Any]]:
    """Runs that kept what models said, the newest first: {run, files: [{who, title, rows, cut}]}."""
    stored = Artifact.objects.filter(run__team=team, name__startswith=making.OUTPUTS).order_by("-run__created_at")
    artifacts = list(stored.select_related("run").defer("run__plan")[: limit * len(WHO)])
    runs_of = {a.run_id: a.run for a in artifacts}
    stages = making.stages_of(list(runs_of.values()))
    found: dict[uuid.UUID, dict[str, Any]] = {pk: {"run": run, "files": []} for pk, run in runs_of.items()}
    for artifact in artifacts:
        found[artifact.run_id]["files"].append(_described(artifact, stages[artifact.run_id]))
    return list(found.values())[:limit]


def _described(artifact: Artifact, stages: list[making.Stage]) -> dict[str, Any]:
    who = artifact.name.removeprefix(making.OUTPUTS).removesuffix(".jsonl")
    counted = ((artifact.run.report or {}).get("outputs") or {}).get(who) or {}
    if who not in WHO:
        return _of_stage(stages, who)
    return {"who": who, "title": WHO[who], "rows": counted.get("rows"), "cut": counted.get("cut")}


def _of_stage(stages: list[making.Stage], who: str) -> dict[str, Any]:
    """What a stage made, or left out, in words."""
    out: dict[str, Any] = {"who": who, "title": who, "rows": None, "cut": None}
    for stage in stages:
        if who == stage.file:
            return out | {"title": f"Rows of the stage “{stage.name}”", "rows": stage.made}
        if who == f"{stage.file}{making.REJECTED}":
            return out | {"title": f"Rows that the stage “{stage.name}” left out", "rows": stage.rejected}
    return out


def from_run(
    team: Team, user: User, run: Run, who: str, into: Dataset | None = None, idem_key: uuid.UUID | None = None
) -> Upload:
    """What a model of a run said, as an upload to confirm. Raises DataRefused when the run kept nothing of that name."""
    artifact = Artifact.objects.filter(run=run, run__team=team, name=f"{making.OUTPUTS}{who}.jsonl").first()
    if artifact is None:
        raise DataRefused(
            f"Run {run.number} kept nothing that the {who[:60]} said.",
            field="run",
            hint="Runs keep answers as files; a run that compares by bits per byte writes none.",
        )
    described = _described(artifact, making.stages(run))
    origin = {"kind": "run", "run": str(run.pk), "number": run.number, "title": run.title, "who": who}
    origin |= {"words": described["title"], "cut": described["cut"]}
    if run.dataset_version_id:
        origin["version"] = str(run.dataset_version_id)
    return _take_blob(team, user, artifact.blob_id, f"run-{run.number}-{who}.jsonl", into, origin, idem_key)


def _take_blob(
    team: Team,
    user: User,
    sha256: str,
    filename: str,
    into: Dataset | None,
    origin: dict[str, Any],
    idem_key: uuid.UUID | None,
) -> Upload:
    path = children.local_copy(sha256)
    return actions.take_upload(team, user, path, filename, into, origin=origin, idem_key=idem_key)


def words(origin: dict[str, Any]) -> str:
    """Where rows came from, in a sentence; empty for a file that a person sent."""
    kind = origin.get("kind")
    if kind == "address":
        return f"Fetched from {origin.get('url')} on {str(origin.get('at'))[:10]}."
    if kind == "hub":
        splits = ", ".join(origin.get("splits") or [])
        return f"{origin.get('dataset')} of the hub ({origin.get('config')}, {splits}) at commit {str(origin.get('revision'))[:12]}."
    if kind == "version":
        return f"Version {origin.get('number')} of {origin.get('dataset')}."
    if kind == "run":
        return f"{origin.get('words') or origin.get('who')}, run {origin.get('number')}."
    return "Pasted." if kind == "paste" else ""
