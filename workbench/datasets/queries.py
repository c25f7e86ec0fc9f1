"""What a team may see of datasets: its own and the shared samples. Another team's is not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from jobs.distill.data.listing import Which
from workbench.library.models import Model
from workbench.runs import blobs
from workbench.runs.models import Kind, Run
from workbench.team.models import Team

from . import children
from .models import Dataset, DatasetVersion, Upload

PAGE = 25


def datasets(team: Team) -> QuerySet[Dataset]:
    """The team's own and shared datasets, with the number, counts and date of the newest version."""
    newest = DatasetVersion.objects.filter(dataset=OuterRef("pk")).order_by("-number")
    return (
        Dataset.objects.filter(Q(team=team) | Q(team=None))
        .annotate(
            newest=Subquery(newest.values("number")[:1]),
            newest_counts=Subquery(newest.values("counts")[:1]),
            newest_at=Subquery(newest.values("created_at")[:1]),
            how_many=Count("versions"),
        )
        .order_by("team_id", "-newest_at", "title")
    )


def dataset(team: Team, dataset_id: UUID) -> Dataset:
    """Raises Dataset.DoesNotExist for another team's."""
    return datasets(team).get(pk=dataset_id)


def version(found: Dataset, number: int | None = None) -> DatasetVersion | None:
    """The version with this number, or the newest."""
    versions = found.versions.select_related("created_by_run").defer("facts")
    return versions.filter(number=number).first() if number else versions.first()


def runs_with(found: DatasetVersion, team: Team) -> QuerySet[Run]:
    return Run.objects.filter(dataset_version=found, kind=Kind.DISTILL, team=team).order_by("-created_at")


def upload(team: Team, upload_id: UUID) -> Upload:
    """Raises Upload.DoesNotExist for another team's."""
    return Upload.objects.select_related("blob", "dataset").get(team=team, pk=upload_id)


def open_uploads(team: Team) -> QuerySet[Upload]:
    """Uploads that have not become a version yet."""
    used = Run.objects.filter(team=team, kind=Kind.IMPORT_DATASET, state="succeeded").values_list(
        "spec__upload", flat=True
    )
    return Upload.objects.filter(team=team).exclude(pk__in=[u for u in used if u]).order_by("-created_at")


def import_run(found: Upload) -> Run | None:
    """The newest import of an upload."""
    return (
        Run.objects.filter(team=found.team, kind=Kind.IMPORT_DATASET, spec__upload=str(found.pk))
        .order_by("-created_at")
        .first()
    )


def version_of(run: Run) -> DatasetVersion | None:
    return DatasetVersion.objects.filter(created_by_run=run).select_related("dataset").first()


def models(team: Team) -> list[Model]:
    """Models whose tokenizer is at hand, for previews."""
    found = Model.objects.filter(Q(team=team) | Q(team=None)).exclude(folder="").order_by("-team_id", "title")
    return [m for m in found if (Path(m.folder) / "tokenizer.json").is_file()]


def chosen_models(team: Team, teacher: str = "", student: str = "") -> tuple[list[Model], list[Model]]:
    """(all, the one or two to show): those named by key, else the first teacher and student by name."""
    everything = models(team)
    by_key = {m.key: m for m in everything}
    first = by_key.get(teacher) or next(
        (m for m in everything if "teacher" in m.key), everything[0] if everything else None
    )
    second = by_key.get(student) or next((m for m in everything if "student" in m.key and m is not first), None)
    return everything, [m for m in (first, second) if m is not None]


def readings(
    rows: list[dict[str, Any]], shown: list[Model], max_length: int | None = None, too_long: str = "drop"
) -> dict[str, Any]:
    """{models, aligned}: each model's reading of the rows, and how the first two split the same characters. Raises DataRefused."""
    asked = [
        {"folder": m.folder, "key": m.key, "title": m.title, "context": (m.facts or {}).get("context")} for m in shown
    ]
    return children.ask(
        {"verb": "preview", "rows": rows, "models": asked, "max_length": max_length, "too_long": too_long}
    )


def rows_page(found: DatasetVersion, page: int = 1, **filters: Any) -> dict[str, Any]:
    """{rows, matching, total, page, pages} of a version. Raises DataRefused.

    Filters: query, label, split, unlabelled; behind and over as `profiles.chosen_rows` gives them.
    """
    path = children.local_copy(found.rows_blob_id)
    page = max(1, page)
    reply = children.ask(
        {
            "verb": "rows",
            "path": str(path),
            "offset": (page - 1) * PAGE,
            "limit": PAGE,
            **{k: v for k, v in filters.items() if v},
        }
    )
    return {**reply, "page": page, "pages": max(1, -(-reply["matching"] // PAGE))}


def refused(found: DatasetVersion, limit: int | None = 200) -> list[dict[str, Any]]:
    """Refused rows with line, column, reason and remedy."""
    return list(islice(listed(found, "refused"), limit))


def listed(found: DatasetVersion, which: Which) -> Iterator[dict[str, Any]]:
    """Refused rows {line, column, reason, remedy}, or changed texts {line, column, what, before, after}, one by one."""
    blob = found.refused_blob_id if which == "refused" else found.changed_blob_id
    if blob:
        with blobs.open_blob(blob) as lines:
            yield from map(json.loads, lines)
