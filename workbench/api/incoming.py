"""Data on its way in, over the API: files in parts, addresses, the hub, other versions, outputs of runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404
from ninja import Query, Router, Status

from workbench.datasets import parts
from workbench.datasets.models import Dataset, PartialUpload, Upload
from workbench.team.models import Role
from workbench.team.request import TeamRequest

from .auth import need
from .schemas import UploadOut
from .schemas_incoming import PartOut, StartUpload, UploadPartsOut, WholeFile

router = Router(tags=["datasets"])


def _whole(found: PartialUpload) -> dict[str, Any]:
    names = ("id", "filename", "size", "received", "dataset_id", "upload_id")
    return {n: getattr(found, n) for n in names} | {
        "part_bytes": parts.PART_BYTES,
        "head_bytes": parts.HEAD_BYTES,
        "expires_at": found.touched_at + parts.EXPIRES,
    }


def own_dataset(request: TeamRequest, dataset_id: UUID | None) -> Dataset | None:
    """The team's own dataset that gets a new version. 404 for another team's, and for shared samples."""
    if dataset_id is None:
        return None
    found = Dataset.objects.filter(pk=dataset_id, team=request.team).first()
    if found is None:
        raise Http404
    return found


def _of(request: TeamRequest, upload_id: UUID) -> PartialUpload:
    try:
        return parts.of(request.team, request.user, upload_id)
    except ObjectDoesNotExist:
        raise Http404 from None


@router.post("/datasets/parts", response={201: UploadPartsOut}, summary="Begin an upload in parts, or find it again")
def start(request: TeamRequest, body: StartUpload) -> Status[dict[str, Any]]:
    """The same file (name, size, hash of its first bytes) gives the same unfinished upload; `received` says where to go on."""
    need(request, Role.MEMBER)
    dataset = own_dataset(request, body.dataset)
    found = parts.start(request.team, request.user, body.filename, body.size, body.head_sha256, dataset)
    return Status(201, _whole(found))


@router.get("/datasets/parts", response=list[UploadPartsOut], summary="Your unfinished uploads")
def list_parts(request: TeamRequest) -> list[dict[str, Any]]:
    return [_whole(p) for p in parts.unfinished(request.team, request.user)]


@router.get("/datasets/parts/{uuid:upload_id}", response=UploadPartsOut, summary="How far an upload in parts is")
def status(request: TeamRequest, upload_id: UUID) -> dict[str, Any]:
    return _whole(_of(request, upload_id))


@router.put(
    "/datasets/parts/{uuid:upload_id}", response=PartOut, summary="Send one part",
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)  # fmt: skip
def send(
    request: TeamRequest,
    upload_id: UUID,
    offset: int = Query(..., ge=0, le=2**53, description="The byte of the file that the part begins with."),
    sha256: str = Query(..., min_length=64, max_length=64, description="Of this part."),
) -> dict[str, int]:
    """409 with `wanted` when another byte is the next one: another tab was faster, or an answer was lost."""
    need(request, Role.MEMBER)
    found = _of(request, upload_id)
    return {"received": parts.take(found, offset, request.read(parts.LARGEST_PART + 1), sha256)}


@router.post("/datasets/parts/{uuid:upload_id}/finish", response={201: UploadOut}, summary="Put the parts together")
def finish(request: TeamRequest, upload_id: UUID, body: WholeFile) -> Status[Upload]:
    """Verifies the whole file and says what was found in it. Sent twice it answers the same."""
    need(request, Role.MEMBER)
    return Status(201, parts.finish(_of(request, upload_id), body.sha256))


@router.delete("/datasets/parts/{uuid:upload_id}", response={204: None}, summary="Forget an upload in parts")
def forget(request: TeamRequest, upload_id: UUID) -> Status[None]:
    need(request, Role.MEMBER)
    parts.discard(_of(request, upload_id))
    return Status(204, None)
