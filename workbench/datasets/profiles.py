"""Reading profiles: what a team may see of one, the rows behind a number, and what checks against other rows found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db.models import Q

from jobs.distill.errors import DataRefused
from workbench.library.models import Model
from workbench.runs.models import Artifact, Kind, Run, State
from workbench.team.models import Team

from . import children, queries
from .models import DatasetVersion

TITLES: dict[tuple[str, str], str] = {
    ("copies", "exact"): "Exact copies of an earlier row",
    ("copies", "near"): "Rows with a near copy",
    ("across", "exact"): "Held-out rows whose question also stands in training",
    ("across", "near"): "Held-out rows with a near copy in training",
    ("across", "words: exact"): "Training rows with the question of a held-out row",
    ("across", "words: runs"): "Training rows with 13 words in a row of a held-out one",
    ("noise", "conflicts"): "Rows whose text also stands under another answer",
    ("noise", "neighbours"): "Rows whose near neighbour has another label",
}
KINDS = {
    "copies": "Copies",
    "across": "Training and held-out rows",
    "noise": "Label noise",
    "language": "Language",
    "private": "Personal data and secrets",
    "domain": "Domain",
    "control": "Control-token text",
    "contamination": "Contamination",
}


def shown_profile(found: DatasetVersion, team: Team) -> dict[str, Any]:
    """The version's profile with the tokenizers of models this team sees, under the names they have here."""
    profile = dict(found.profile or {})
    titles = titles_of(team)
    tokens = profile.get("tokens") or {}
    profile["tokens"] = {sha: m | {"title": titles[sha]} for sha, m in tokens.items() if sha in titles}
    return profile


def titles_of(team: Team) -> dict[str, str]:
    """vocab_sha256 -> the titles of the models that have this tokenizer, the first two of them."""
    out: dict[str, list[str]] = {}
    for model in Model.objects.filter(Q(team=team) | Q(team=None)).order_by("-team_id", "title"):
        sha256 = ((model.facts or {}).get("tokenizer") or {}).get("vocab_sha256")
        if sha256:
            out.setdefault(sha256, []).append(model.title)
    return {k: ", ".join(t[:2]) + (f" and {len(t) - 2} more" if len(t) > 2 else "") for k, t in out.items()}


def model_with(team: Team, sha256: str) -> Model | None:
    """A model of the library with this tokenizer at hand: the team's own before a shared one."""
    return next(
        (m for m in queries.models(team) if ((m.facts or {}).get("tokenizer") or {}).get("vocab_sha256") == sha256),
        None,
    )


def measuring(found: DatasetVersion) -> Run | None:
    """The newest run that profiles this version; checks against other rows are not meant."""
    runs = Run.objects.filter(dataset_version=found, kind=Kind.PROFILE_DATASET).exclude(spec__has_key="against")
    return runs.order_by("-created_at").first()


def checks(found: DatasetVersion, team: Team) -> list[dict[str, Any]]:
    """What this team asked about overlap with other rows, newest first: the run, and what was found per set."""
    runs = Run.objects.filter(
        team=team, dataset_version=found, kind=Kind.PROFILE_DATASET, spec__has_key="against"
    ).order_by("-created_at")[:20]
    return [
        {"run": run, "live": not run.is_ended, "sets": (run.report or {}).get("contamination") or []} for run in runs
    ]


def evaluation_sets(found: DatasetVersion, team: Team) -> list[DatasetVersion]:
    """The newest version of every other dataset the team sees, and other versions of this one."""
    seen = DatasetVersion.objects.filter(Q(dataset__team=team) | Q(dataset__team=None)).exclude(pk=found.pk)
    newest = seen.order_by("dataset_id", "-number").distinct("dataset_id").defer("facts", "profile")
    own = seen.filter(dataset_id=found.dataset_id).order_by("-number").defer("facts", "profile")[:5]
    both = {v.pk: v for v in (*newest.select_related("dataset"), *own.select_related("dataset"))}
    return sorted(both.values(), key=lambda v: (v.dataset_id != found.dataset_id, v.dataset.title.lower(), -v.number))


def kept(found: DatasetVersion, run_id: Any, name: str) -> Path:
    """A file that a profiling run of this version keeps. Raises DataRefused where there is none."""
    artifact = Artifact.objects.filter(run_id=run_id, run__dataset_version=found, name=name).first() if run_id else None
    if artifact is None:
        raise DataRefused(
            "The rows behind this number are not at hand: these rows were measured by an older version.",
            hint="Measure the rows again, on the page of the profile.",
        )
    return children.local_copy(artifact.blob_id)


def chosen_rows(found: DatasetVersion, team: Team, asked: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """(filters for the child, words) of an address such as ?kind=copies&value=near or ?tokenizer=...&over=512.

    Empty where the address asks for no such thing. Raises DataRefused when the rows behind it are not at hand.
    """
    kind, value = asked.get("kind", "")[:40], asked.get("value", "")[:400]
    if kind in KINDS:
        run_id = _check_run(found, team, asked.get("check", "")) if kind == "contamination" else (found.profile or {}).get("run")  # fmt: skip
        if kind == "control":
            run_id = (((found.profile or {}).get("tokens") or {}).get(value) or {}).get("run")
        path = kept(found, run_id, "behind.parquet")
        return {"behind": {"path": str(path), "kind": kind, "value": value}}, _words(kind, value, team)
    tokenizer, cut = asked.get("tokenizer", "")[:64], asked.get("over", "")
    if tokenizer and cut.isdecimal() and len(cut) < 10:
        titles = titles_of(team)
        measured = ((found.profile or {}).get("tokens") or {}).get(tokenizer) if tokenizer in titles else None
        path = kept(found, (measured or {}).get("run"), "lengths.parquet")
        alone = asked.get("alone") == "1"
        words = f"{'Rows whose answer alone fills' if alone else 'Rows longer than'} {int(cut):,} tokens of {titles.get(tokenizer, '')}"
        return {"over": {"path": str(path), "tokenizer": tokenizer, "cut": int(cut), "alone": alone}}, words
    return {}, ""


def _check_run(found: DatasetVersion, team: Team, run_id: str) -> Any:
    """The team's own check with this id; None for anybody else's."""
    runs = Run.objects.filter(team=team, dataset_version=found, kind=Kind.PROFILE_DATASET, state=State.SUCCEEDED)
    return next((r.pk for r in runs.filter(spec__has_key="against") if str(r.pk) == run_id), None)


def _words(kind: str, value: str, team: Team) -> str:
    if kind == "contamination":
        exact = value.endswith("exact")
        return (
            "Rows with a question of the evaluation set"
            if exact
            else "Rows with 13 words in a row of the evaluation set"
        )
    if kind == "control":
        return f"Rows with control-token text of {titles_of(team).get(value, 'this tokenizer')}"
    return TITLES.get((kind, value)) or (f"{KINDS[kind]}: {value}" if value else KINDS[kind])
