"""Adapters are the artifacts under adapter/ of a team's succeeded distillations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet, Sum
from django.http import Http404
from django.utils.text import slugify

from jobs.distill.errors import ArtifactDamaged
from workbench.adapters.zipped import Entry
from workbench.runs import blobs, pages
from workbench.runs.models import Artifact, Kind, Run, State
from workbench.team.models import Team

PREFIX = "adapter/"
PAGE_SIZE = 24
# What each file is for; the order of the zip and of the page.
FILES = {
    "adapter_model.safetensors": "The weights of the adapter",
    "adapter_config.json": "Kind, rank and target layers, as peft reads them",
    "README.md": "Model card: data, teacher, recipe, scores, licences",
    "recipe.yaml": "The recipe that made it",
    "report.json": "The complete report",
    "SHA256SUMS": "Hashes of the files above",
}


@dataclass
class Adapter:
    run: Run
    row: pages.Row
    bytes: int


def adapters(team: Team) -> QuerySet[Run]:
    inside = Q(artifacts__name__startswith=PREFIX)
    return (
        pages.runs(team)
        .filter(kind=Kind.DISTILL, state=State.SUCCEEDED)
        .annotate(files=Count("artifacts", filter=inside), bytes=Sum("artifacts__blob__size", filter=inside))
        .filter(files__gt=0)
    )


def adapter_list(team: Team, q: str = "", page: int = 1) -> Page[Any]:
    found = adapters(team).order_by("-finished_at")
    if q:
        found = found.filter(
            Q(title__icontains=q) | Q(spec__method__icontains=q) | Q(spec__student__model__icontains=q)
        )
    shown: Page[Any] = Paginator(found, PAGE_SIZE).get_page(page)
    shown.object_list = [Adapter(run, pages.row(run), run.bytes) for run in shown.object_list]
    return shown


def adapter_or_404(team: Team | None, run_id: UUID) -> Run:
    run = adapters(team).filter(pk=run_id).first() if team else None
    if run is None:
        raise Http404("There is no such adapter.")
    return run


def files(run: Run) -> list[dict[str, Any]]:
    """Name, purpose, size and hash of every file, known ones first."""
    found = {
        a.name.removeprefix(PREFIX): a
        for a in Artifact.objects.filter(run=run, name__startswith=PREFIX).select_related("blob")
    }
    order = [n for n in FILES if n in found] + sorted(n for n in found if n not in FILES)
    return [
        {"name": n, "what": FILES.get(n, ""), "size": found[n].blob.size, "sha256": found[n].blob_id} for n in order
    ]


def card(run: Run) -> str:
    """The model card's text; empty when it is missing or damaged (the download says which)."""
    artifact = Artifact.objects.filter(run=run, name=f"{PREFIX}README.md").first()
    if artifact is None:
        return ""
    try:
        return blobs.read(artifact.blob_id)[:200_000].decode("utf-8", "replace")
    except ArtifactDamaged:
        return ""


def check(run: Run) -> list[dict[str, Any]]:
    """Reads every file again and compares it with its hash: [{name, ok}]."""
    out = []
    for file in files(run):
        try:
            blobs.verify(file["sha256"])
            out.append({**file, "ok": True})
        except ArtifactDamaged as e:
            out.append({**file, "ok": False, "why": e.message})
    return out


def verified_entries(run: Run) -> Iterator[Entry]:
    """Entries of the download. Every byte is read and hashed before the first one is sent; raises ArtifactDamaged with the file's name."""
    listed = files(run)
    for file in listed:
        try:
            blobs.verify(file["sha256"])
        except ArtifactDamaged as e:
            raise ArtifactDamaged(
                f"The stored file {file['name']} is damaged, so this adapter is not handed out. {e.message}",
                hint=e.hint,
            ) from None
    folder = archive_name(run)
    return ((f"{folder}/{file['name']}", blobs.iter_chunks(file["sha256"])) for file in listed)


def archive_name(run: Run) -> str:
    """Folder and file name of the download: our own characters, whatever the title says."""
    return f"{slugify(run.title)[:60] or 'adapter'}-{run.number}"
