"""Adapters over the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.urls import reverse
from ninja import Query, Router

from workbench.adapters import queries, zipped
from workbench.runs import pages
from workbench.runs.models import Run
from workbench.team.request import TeamRequest

from .schemas import AdapterOut

router = Router(tags=["adapters"])


def _out(run: Run, row: pages.Row, size: int) -> dict[str, Any]:
    return {
        "run_id": run.id, "number": run.number, "title": run.title, "method": row.method, "teacher": row.teacher, "student": row.student,
        "gap_closed": (run.report or {}).get("gap_closed"), "bytes": size, "download": reverse("api-1:download_adapter", args=[run.id]),
    }  # fmt: skip


@router.get("/adapters", response=list[AdapterOut], summary="Adapters of your team, newest first")
def list_adapters(request: TeamRequest, page: int = Query(1, ge=1, le=1_000_000)) -> list[dict[str, Any]]:
    return [_out(a.run, a.row, a.bytes) for a in queries.adapter_list(request.team, page=page).object_list]


@router.get("/adapters/{uuid:run_id}", response=AdapterOut, summary="One adapter with its files")
def get_adapter(request: TeamRequest, run_id: UUID) -> dict[str, Any]:
    run = queries.adapter_or_404(request.team, run_id)
    files = [{n: f[n] for n in ("name", "size", "sha256")} for f in queries.files(run)]
    return _out(run, pages.row(run), sum(f["size"] for f in files)) | {"files": files}


@router.get(
    "/adapters/{uuid:run_id}/download",
    url_name="download_adapter",
    summary="The adapter as a zip",
    openapi_extra={
        "responses": {200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}}
    },
)
def download(request: TeamRequest, run_id: UUID) -> HttpResponseBase:
    """Every stored byte is checked against its hash before the first one is sent; 409 ARTIFACT_DAMAGED otherwise."""
    run = queries.adapter_or_404(request.team, run_id)
    return zipped.attachment(zipped.stream(queries.verified_entries(run)), f"{queries.archive_name(run)}.zip")
