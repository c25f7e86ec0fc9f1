"""Profiles over the API: what is in a version's rows, how models read them, whether they hold an evaluation set."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from jobs.distill.data.profile_words import lines
from jobs.distill.errors import DataRefused
from workbench.datasets import comparing, cuts, profiles, profiling, queries
from workbench.datasets.models import DatasetVersion
from workbench.team.models import Role
from workbench.team.request import TeamRequest

from .auth import need
from .runs import run_out
from .schemas import Body, RunOut

router = Router(tags=["datasets"])
VERSION = "/datasets/{uuid:dataset_id}/versions/{int:number}"


class ProfileOut(Schema):
    dataset: str = Field(description="Key of the dataset.")
    number: int
    measured: bool = Field(description="False: there are no numbers yet; POST to the same address to have them made.")
    looked_closely: bool = Field(
        description="True: copies, overlap, noise, languages and personal data were looked for."
    )
    run: RunOut | None = Field(None, description="The measurement that is under way.")
    words: list[str] = Field(description="The findings in lines for a terminal; empty until somebody looked closely.")
    profile: dict[str, Any] = Field(description="As the page shows it; `closely` says how many rows were looked at.")


class AgainstIn(Body):
    dataset: str = Field(max_length=200, description="Key or id of a dataset you may use.")
    version: int | None = Field(None, ge=1, le=1_000_000, description="Absent: the newest.")
    rows: Literal["all", "heldout"] = Field("all", description="heldout: only rows its file marks as held out.")


class ContaminationIn(Body):
    against: list[AgainstIn] = Field(min_length=1, max_length=profiling.MOST_SETS)


class ContaminationOut(Schema):
    run: RunOut
    sets: list[dict[str, Any]] = Field(
        description="What of each evaluation set stands in the rows; empty until it is known."
    )


class ComparisonOut(Schema):
    before: dict[str, Any]
    after: dict[str, Any]
    note: str = Field(description="Why some numbers cannot be compared; empty when all can.")
    sections: list[dict[str, Any]]


class CutOut(Schema):
    tokenizer: str
    title: str
    cut: int = Field(description="Tokens; the next lower length whose cost was written down, where not exact.")
    over: int = Field(description="Rows that are longer, prompt and answer together.")
    over_tokens: int = Field(description="Answer tokens in those rows.")
    alone: int = Field(description="Rows whose answer alone fills the cut: cutting the prompt does not save them.")
    alone_tokens: int
    rows: int = Field(description="Rows that were measured.")
    exact: bool


@router.get(f"{VERSION}/profile", response=ProfileOut, summary="What is in the rows of a version")
def get_profile(request: TeamRequest, dataset_id: UUID, number: int) -> dict[str, Any]:
    found = version_or_404(request, dataset_id, number)
    shown, run = profiles.shown_profile(found, request.team), profiles.measuring(found)
    mine = run is not None and not run.is_ended and run.team_id == request.team.pk
    return {
        "dataset": found.dataset.key,
        "number": found.number,
        "measured": bool(found.profile),
        "looked_closely": bool(shown.get("closely")),
        "run": run_out(run) if run and mine else None,
        "words": lines(shown) if shown.get("closely") else [],
        "profile": shown,
    }


@router.post(f"{VERSION}/profile", response={202: RunOut}, summary="Measure the rows of a version")
def measure(request: TeamRequest, dataset_id: UUID, number: int) -> Status[dict[str, Any]]:
    """Starts the measurement; one that is under way is not started twice."""
    need(request, Role.MEMBER)
    found = version_or_404(request, dataset_id, number)
    return Status(202, run_out(profiling.measure(found, request.team, request.user)))


@router.get(f"{VERSION}/cut", response=list[CutOut], summary="What a longest row costs, for each tokenizer")
def cut(
    request: TeamRequest, dataset_id: UUID, number: int, tokens: int = Query(ge=cuts.LEAST, le=cuts.MOST)
) -> list[dict[str, Any]]:
    shown = profiles.shown_profile(version_or_404(request, dataset_id, number), request.team)
    found = [(key, m, cuts.cut_at(m, tokens)) for key, m in shown["tokens"].items()]
    return [{"tokenizer": key, "title": m["title"], **c} for key, m, c in found if c]


@router.get(f"{VERSION}/compare", response=ComparisonOut, summary="A version against another one")
def compare(
    request: TeamRequest,
    dataset_id: UUID,
    number: int,
    with_dataset: str = Query("", max_length=200, description="Key or id; absent: the same dataset."),
    with_version: int | None = Query(None, ge=1, le=1_000_000, description="Absent: the one before, or the newest."),
) -> dict[str, Any]:
    after = version_or_404(request, dataset_id, number)
    chosen = with_version or (number - 1 if not with_dataset else None)
    before = chosen_version(request, with_dataset or str(dataset_id), chosen or None)
    sides = [
        {"counts": v.counts, "profile": profiles.shown_profile(v, request.team) if v.profile else None}
        for v in (before, after)
    ]
    names = [{"dataset": v.dataset.key, "number": v.number} for v in (before, after)]
    note = comparing.sampled_differently(*sides)
    return {"before": names[0], "after": names[1], "note": note, "sections": comparing.compare(*sides)}


@router.post(
    f"{VERSION}/contamination", response={202: RunOut}, summary="Look for evaluation rows in the rows of a version"
)
def check(request: TeamRequest, dataset_id: UUID, number: int, body: ContaminationIn) -> Status[dict[str, Any]]:
    """Exact questions and thirteen words in a row. The same question twice is one run; its result stands at GET."""
    need(request, Role.MEMBER)
    found = version_or_404(request, dataset_id, number)
    others = [(chosen_version(request, a.dataset, a.version).pk, a.rows) for a in body.against]
    return Status(202, run_out(profiling.check_against(found, request.team, request.user, others)))


@router.get(f"{VERSION}/contamination", response=list[ContaminationOut], summary="What such checks found, newest first")
def checks(request: TeamRequest, dataset_id: UUID, number: int) -> list[dict[str, Any]]:
    found = profiles.checks(version_or_404(request, dataset_id, number), request.team)
    return [{"run": run_out(c["run"]), "sets": c["sets"]} for c in found]


@router.get(f"{VERSION}/tokens", response=dict[str, Any], summary="A row as one or two models read it, token by token")
def tokens(
    request: TeamRequest,
    dataset_id: UUID,
    number: int,
    row: int = Query(1, ge=1, le=1_000_000_000, description="Number of the row, from 1."),
    teacher: str = Query("", max_length=400, description="Key of a model; absent: a teacher of the library."),
    student: str = Query("", max_length=400),
    max_length: int | None = Query(None, ge=cuts.LEAST, le=cuts.MOST),
    too_long: Literal["drop", "truncate"] = "drop",
) -> dict[str, Any]:
    """{row, models, aligned}: tokens as [text, class, id, control] with details [start, stop, piece, bytes]."""
    found = version_or_404(request, dataset_id, number)
    everything, shown = queries.chosen_models(request.team, teacher, student)
    known = {m.key for m in everything}
    for name, key in (("teacher", teacher), ("student", student)):
        if key and key not in known:
            raise DataRefused(
                f"There is no model {key} with a tokenizer in the library.", field=name, hint="See GET /models."
            )
    page = queries.rows_page(found, (row - 1) // queries.PAGE + 1)
    rows = page["rows"][(row - 1) % queries.PAGE :][:1]
    if not rows:
        raise DataRefused(f"There is no row {row:,}; the version has {page['total']:,}.", field="row")
    return {"row": rows[0], **queries.readings(rows, shown, max_length, too_long)}


def version_or_404(request: TeamRequest, dataset_id: UUID, number: int) -> DatasetVersion:
    try:
        found = queries.version(queries.dataset(request.team, dataset_id), number or None)
    except ObjectDoesNotExist:
        raise Http404 from None
    if found is None:
        raise Http404
    return found


def chosen_version(request: TeamRequest, dataset: str, number: int | None) -> DatasetVersion:
    """The version of a dataset named by key or id; the newest where no number is given. Raises DataRefused."""
    seen = queries.datasets(request.team)
    match = next((d for d in seen if dataset in (d.key, str(d.pk))), None)
    found = queries.version(match, number) if match else None
    if found is None:
        what = f"version {number} of {dataset}" if match and number else f"dataset {dataset}"
        raise DataRefused(f"There is no {what}.", field="against", hint="See GET /datasets for keys and versions.")
    return found
