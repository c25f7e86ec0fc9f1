"""Data on its way in, over the API: files in parts, addresses, the hub, other versions, outputs of runs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404
from django.urls import reverse
from ninja import Header, Query, Router, Status

from jobs.distill.errors import DataRefused, RecipeInvalid
from workbench.datasets import actions, parts, sources
from workbench.datasets.incoming_forms import HubDatasetForm, pasted_name
from workbench.datasets.models import Dataset, PartialUpload, Upload
from workbench.runs.models import Kind, Run, State
from workbench.team.models import Role
from workbench.team.request import TeamRequest

from .auth import need
from .runs import idem_key, run_out
from .schemas import RunOut, UploadOut
from .schemas_incoming import (
    CopyOut,
    CopyVersion,
    FetchAddress,
    FetchFromHub,
    OutputOut,
    PartOut,
    Paste,
    StartUpload,
    TakeOutputs,
    UploadPartsOut,
    WholeFile,
)  # fmt: skip

router = Router(tags=["datasets"])
Key = Header(None, alias="Idempotency-Key", max_length=200)


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


# -- pasted, fetched, copied ------------------------------------------------------------------------------------------


@router.post("/datasets/paste", response={201: UploadOut}, summary="Rows as text")
def paste(request: TeamRequest, body: Paste, key: str | None = Key) -> Status[Upload]:
    """The answer says what was found in it, as for a file."""
    need(request, Role.MEMBER)
    dataset = own_dataset(request, body.dataset)
    with tempfile.NamedTemporaryFile(prefix="upload-") as place:
        place.write(body.text.encode())
        place.flush()
        upload = actions.take_upload(
            request.team, request.user, Path(place.name), body.filename or pasted_name(body.text), dataset,
            origin={"kind": "paste"}, idem_key=idem_key(request.team.id, key),
        )  # fmt: skip
    return Status(201, upload)


@router.post("/datasets/fetch", response={202: RunOut}, summary="Fetch a file from an address")
def fetch(request: TeamRequest, body: FetchAddress, key: str | None = Key) -> Status[dict[str, Any]]:
    """Watch the returned run; when it has succeeded, GET /datasets/fetches/{run id} is the upload."""
    need(request, Role.MEMBER)
    dataset, once = own_dataset(request, body.dataset), idem_key(request.team.id, key)
    return Status(202, run_out(sources.fetch_address(request.team, request.user, body.url, dataset, once)))


@router.post("/datasets/hub", response={202: RunOut}, summary="Fetch a dataset of the hub")
def fetch_from_hub(request: TeamRequest, body: FetchFromHub, key: str | None = Key) -> Status[dict[str, Any]]:
    """Watch the returned run; when it has succeeded, GET /datasets/fetches/{run id} is the upload."""
    need(request, Role.MEMBER)
    form = HubDatasetForm({**body.dict(), "dataset": body.id})
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        name = "id" if field == "dataset" else field
        raise RecipeInvalid(f"{name}: {errors[0]}", field=name)
    dataset, once = own_dataset(request, body.dataset), idem_key(request.team.id, key)
    return Status(202, run_out(sources.fetch_from_hub(request.team, request.user, form.cleaned_data, dataset, once)))


@router.get("/datasets/fetches/{uuid:run_id}", response=UploadOut, summary="What a fetch brought")
def fetched(request: TeamRequest, run_id: UUID) -> Upload:
    """409 while it is under way, and when it did not succeed."""
    run = Run.objects.filter(pk=run_id, team=request.team, kind=Kind.FETCH_DATASET).first()
    if run is None:
        raise Http404
    if run.state != State.SUCCEEDED:
        words = (run.error or {}).get("message") or f"It is {State(run.state).label.lower()}."
        raise DataRefused(f"Nothing was fetched yet. {words}", code="RUN_STATE", hint="Watch the run.")
    upload = sources.fetched(run)
    if upload is None:
        raise Http404
    return upload


@router.post("/datasets/copy", response={201: CopyOut}, summary="Start from another version")
def copy(request: TeamRequest, body: CopyVersion, key: str | None = Key) -> Status[dict[str, Any]]:
    """The rows of a version as they are, as a dataset of your team or the next version of one."""
    need(request, Role.MEMBER)
    found = sources.versions(request.team).filter(dataset__key=body.source)
    version = (
        found.filter(number=body.version) if body.version else found.order_by("dataset__team", "-number")
    ).first()
    if version is None:
        raise Http404
    into, once = own_dataset(request, body.dataset), idem_key(request.team.id, key)
    title = body.title or f"{version.dataset.title} (copy)"[:200]
    made = sources.copy_version(request.team, version, title, into, once)
    url = reverse("datasets:version", args=[made.dataset_id, made.number])
    out = {
        "dataset": made.dataset_id,
        "key": made.dataset.key,
        "version": made.number,
        "sha256": made.sha256,
        "url": url,
    }
    return Status(201, out)


@router.get("/datasets/outputs", response=list[OutputOut], summary="What runs wrote")
def outputs(request: TeamRequest) -> list[dict[str, Any]]:
    return [
        {"run": o["run"].pk, "number": o["run"].number, "title": o["run"].title, "who": f["who"], "words": f["title"], "rows": f["rows"], "cut": f["cut"]}
        for o in sources.outputs(request.team)
        for f in o["files"]
    ]  # fmt: skip


@router.post("/datasets/outputs", response={201: UploadOut}, summary="Rows from what a run wrote")
def take_outputs(request: TeamRequest, body: TakeOutputs, key: str | None = Key) -> Status[Upload]:
    need(request, Role.MEMBER)
    run = Run.objects.filter(pk=body.run, team=request.team).first()
    if run is None:
        raise Http404
    into, once = own_dataset(request, body.dataset), idem_key(request.team.id, key)
    return Status(201, sources.from_run(request.team, request.user, run, body.who, into, once))
