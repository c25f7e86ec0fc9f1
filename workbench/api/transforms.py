"""Transforms over the API: what there is, a preview, the next version, what changed, where a version came from."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404
from ninja import Query, Router, Status

from jobs.distill.data.transforms import load_steps, recorded, schema
from workbench.datasets import change_list, queries, transforms
from workbench.datasets.models import DatasetVersion
from workbench.team.models import Role
from workbench.team.request import TeamRequest

from .auth import need
from .runs import run_out
from .schemas import RunOut
from .schemas_transforms import Change, Changes, Diff, LineageNode, Preview, StepsIn, TransformIn, TransformKind

router = Router(tags=["datasets"])
VERSION = "/datasets/{uuid:dataset_id}/versions/{int:number}"


def _version(request: TeamRequest, dataset_id: UUID, number: int) -> DatasetVersion:
    try:
        found = queries.version(queries.dataset(request.team, dataset_id), number)
    except ObjectDoesNotExist:
        raise Http404 from None
    if found is None:
        raise Http404
    return found


@router.get("/transforms", response=list[TransformKind], summary="Transforms and their options as JSON schema")
def kinds(request: TeamRequest) -> list[dict[str, Any]]:
    return schema()


@router.post(f"{VERSION}/transforms/preview", response=Preview, summary="What steps would do, within seconds")
def preview(request: TeamRequest, dataset_id: UUID, number: int, body: StepsIn) -> dict[str, Any]:
    """Counts of each step and twenty examples, over at most 20,000 rows; nothing is made."""
    need(request, Role.MEMBER)
    version = _version(request, dataset_id, number)
    return transforms.preview(request.team, version, _steps(request, body))


@router.post(f"{VERSION}/transforms", response={202: RunOut}, summary="Make the next version by steps")
def make(request: TeamRequest, dataset_id: UUID, number: int, body: TransformIn) -> Status[dict[str, Any]]:
    """A background run. The same version and steps give the same run: sending this twice makes one version."""
    need(request, Role.MEMBER)
    version = _version(request, dataset_id, number)
    return Status(
        202, run_out(transforms.start(request.team, request.user, version, _steps(request, body), body.title))
    )


def _steps(request: TeamRequest, body: StepsIn) -> Any:
    """The steps that were sent, or those that made another version."""
    if body.yaml is not None:
        return recorded(load_steps(body.yaml))
    if body.replay is None:
        return body.steps
    return _version(request, body.replay.dataset, body.replay.version).steps


@router.get(f"{VERSION}/changes", response=Changes, summary="Every row that the steps of a version touched")
def changes(
    request: TeamRequest,
    dataset_id: UUID,
    number: int,
    step: int = Query(0, ge=0, le=100),
    what: Literal["", "dropped", "changed", "added"] = "",
    page: int = Query(1, ge=1, le=1_000_000),
) -> dict[str, Any]:
    found = change_list.page(_version(request, dataset_id, number), page, step, what)
    return found | {"rows": [Change(**row) for row in found["rows"]]}


@router.get(f"{VERSION}/diff", response=Diff, summary="Rows that differ from another version")
def diff(
    request: TeamRequest,
    dataset_id: UUID,
    number: int,
    against: int = Query(..., ge=1, description="Number of the older version."),
    dataset: UUID | None = None,
    kind: Literal["", "changed", "added", "removed", "same"] = "",
    q: str = Query("", max_length=200),
    page: int = Query(1, ge=1, le=1_000_000),
) -> dict[str, Any]:
    """`dataset`: that of the older version, where it is another one."""
    old, new = _version(request, dataset or dataset_id, against), _version(request, dataset_id, number)
    return transforms.diff(old, new, page, kind, q)


@router.get("/datasets/{uuid:dataset_id}/lineage", response=list[LineageNode], summary="Where each version came from")
def lineage(request: TeamRequest, dataset_id: UUID) -> list[dict[str, Any]]:
    try:
        dataset = queries.dataset(request.team, dataset_id)
    except ObjectDoesNotExist:
        raise Http404 from None
    return [_node(node) for node in transforms.lineage(dataset, request.team)]


def _node(node: dict[str, Any]) -> dict[str, Any]:
    version = node["version"]

    def named(other: DatasetVersion) -> str:
        return f"{other.dataset.key}@{other.number}"

    parent = version.parent if node["depth"] else node["away"]
    return {
        "number": version.number,
        "sha256": version.sha256,
        "rows": version.counts.get("rows", 0),
        "parent": named(parent) if parent else None,
        "joined": [named(v) for v in node["joined"]],
        "steps": version.steps,
        "words": node["words"],
        "changes": version.changes,
        "created_at": version.created_at,
    }
