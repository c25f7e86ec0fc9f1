"""Datasets over the API: upload, look at what was found, import."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404
from django.http.response import HttpResponseBase
from ninja import Query, Router, Status

from jobs.distill.data.listing import Which, as_csv
from workbench.adapters.zipped import attachment
from workbench.datasets import actions, children, queries, uploads
from workbench.datasets.models import Dataset, Upload
from workbench.team.models import Role
from workbench.team.request import TeamRequest

from .answers import Refusal
from .auth import need
from .runs import run_out
from .schemas import DatasetOut, ImportUpload, LookAgain, RunOut, UploadOut

router = Router(tags=["datasets"])
CHUNK = 1024 * 1024
CSV = {"responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}}


def _out(dataset: Dataset) -> dict[str, Any]:
    versions = [
        {n: getattr(v, n) for n in ("number", "sha256", "counts", "mapping", "created_at")}
        for v in dataset.versions.defer("facts", "profile")
    ]
    return {n: getattr(dataset, n) for n in ("id", "key", "title", "licence", "attribution")} | {
        "shared": dataset.team_id is None,
        "versions": versions,
    }


@router.get("/datasets", response=list[DatasetOut], summary="Datasets you may use")
def list_datasets(request: TeamRequest) -> list[dict[str, Any]]:
    return [_out(d) for d in queries.datasets(request.team)[:1000]]


@router.get("/datasets/{uuid:dataset_id}", response=DatasetOut, summary="One dataset with its versions")
def get_dataset(request: TeamRequest, dataset_id: UUID) -> dict[str, Any]:
    try:
        return _out(queries.dataset(request.team, dataset_id))
    except ObjectDoesNotExist:
        raise Http404 from None


@router.post(
    "/datasets/uploads", response={201: UploadOut}, summary="Upload a file",
    openapi_extra={"requestBody": {"required": True, "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}},
    }}},
)  # fmt: skip
def upload(
    request: TeamRequest, filename: str = Query("", max_length=300, description="Name of the file when it is sent raw.")
) -> Status[Upload]:
    """One file, as multipart field `file` or as the raw body. The answer says what was found in it."""
    need(request, Role.MEMBER)
    with tempfile.NamedTemporaryFile(prefix="upload-") as place:
        name = (
            _multipart(request, place)
            if request.content_type == "multipart/form-data"
            else _raw(request, place, filename)
        )
        place.flush()
        return Status(201, actions.take_upload(request.team, request.user, Path(place.name), name))


def _multipart(request: TeamRequest, place: Any) -> str:
    if not hasattr(request, "_files"):
        uploads.install(request)
    files = request.FILES.getlist("file")
    if any(getattr(h, "exceeded", False) for h in request.upload_handlers):
        raise _too_large()
    if len(files) != 1 or len(request.FILES) != 1:
        raise Refusal(
            422,
            "INPUT_INVALID",
            f"Send exactly one file in the field 'file'; {sum(len(v) for _, v in request.FILES.lists())} came.",
            field="file",
        )
    for chunk in files[0].chunks():
        place.write(chunk)
    return files[0].name or "upload"


def _raw(request: TeamRequest, place: Any, filename: str) -> str:
    if not filename:
        raise Refusal(
            422,
            "INPUT_INVALID",
            "Say the file's name: its ending tells the format.",
            field="filename",
            hint="Add ?filename=rows.csv to the address.",
        )
    total = 0
    while chunk := request.read(CHUNK):
        total += len(chunk)
        if total > settings.MAX_UPLOAD_BYTES:
            raise _too_large()
        place.write(chunk)
    return filename


def _too_large() -> Refusal:
    return Refusal(
        413,
        "TOO_LARGE",
        f"The file is larger than {settings.MAX_UPLOAD_BYTES / 1024**2:,.0f} MiB, the most that is taken at once.",
        field="file",
        hint="Upload it in parts, or compress it with gzip.",
        limit=settings.MAX_UPLOAD_BYTES,
    )


def _upload_or_404(request: TeamRequest, upload_id: UUID) -> Upload:
    try:
        return queries.upload(request.team, upload_id)
    except ObjectDoesNotExist:
        raise Http404 from None


@router.get("/datasets/uploads/{uuid:upload_id}", response=UploadOut, summary="What was found in an upload")
def get_upload(request: TeamRequest, upload_id: UUID) -> Upload:
    return _upload_or_404(request, upload_id)


@router.post(
    "/datasets/uploads/{uuid:upload_id}/look", response=UploadOut, summary="Look again under other roles and options"
)
def look_again(request: TeamRequest, upload_id: UUID, body: LookAgain) -> Upload:
    """What an import with these choices would make of the file; nothing is imported."""
    need(request, Role.MEMBER)
    found = _upload_or_404(request, upload_id)
    actions.look_again(found, body.roles, body.options)
    return found


@router.get(
    "/datasets/uploads/{uuid:upload_id}/listing", summary="Every refused or changed row of an upload", openapi_extra=CSV
)
def list_rows(request: TeamRequest, upload_id: UUID, which: Which = "refused") -> HttpResponseBase:
    """CSV: file or sheet, line, column, and the reason with its remedy, or the text before and after."""
    found = _upload_or_404(request, upload_id)
    lines = children.listing(children.local_copy(found.blob_id), found.filename, found.findings, which)
    return attachment(lines, f"{which}-rows.csv", "text/csv; charset=utf-8")


@router.get(
    "/datasets/{uuid:dataset_id}/versions/{int:number}/listing",
    summary="Every refused or changed row of a version's import",
    openapi_extra=CSV,
)
def list_rows_of_version(
    request: TeamRequest, dataset_id: UUID, number: int, which: Which = "refused"
) -> HttpResponseBase:
    """The same CSV, as it was when the version was imported."""
    try:
        found = queries.version(queries.dataset(request.team, dataset_id), number)
    except ObjectDoesNotExist:
        raise Http404 from None
    if found is None:
        raise Http404
    lines = (line.encode() for line in as_csv(which, queries.listed(found, which)))
    return attachment(lines, f"{which}-rows.csv", "text/csv; charset=utf-8")


@router.post(
    "/datasets/uploads/{uuid:upload_id}/import", response={202: RunOut}, summary="Import an upload as a dataset"
)
def import_upload(request: TeamRequest, upload_id: UUID, body: ImportUpload) -> Status[dict[str, Any]]:
    """The same choices give the same run: sending this twice imports once."""
    need(request, Role.MEMBER)
    found = _upload_or_404(request, upload_id)
    about = {"title": body.title, "licence": body.licence, "attribution": body.attribution}
    return Status(202, run_out(actions.start_import(found, request.user, about, body.roles, body.options)))
