"""Up to ten runs side by side: what differs in their recipes, their scores with intervals, their loss curves in one chart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404

from workbench.team.models import Team

from . import charts, pages, words
from . import report as reports
from .models import Kind, Run, State

LIMIT = 10
HIDDEN = ("name", "version")


@dataclass
class Comparison:
    """columns: one per run; differences: fields whose values are not all equal; scores: one line per arm."""

    columns: list[dict[str, Any]]
    differences: list[dict[str, Any]]
    equal: int
    scores: list[dict[str, Any]]
    same_split: bool
    curves: list[dict[str, str]]
    query: str


def chosen(team: Team, ids: list[str]) -> list[Run]:
    """The runs named in the address, in that order; raises FilterUnknown above LIMIT, 404 for a stranger's."""
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > LIMIT:
        raise pages.FilterUnknown(
            f"{len(wanted)} runs were chosen; at most {LIMIT} can be compared.", field="run", hint="Choose fewer runs."
        )
    try:
        keys = [UUID(i) for i in wanted]
    except ValueError:
        raise Http404("There is no such run.") from None
    found = {
        r.id: r
        for r in pages.runs(team).filter(pk__in=keys, kind=Kind.DISTILL).select_related("dataset_version__dataset")
    }
    if len(found) != len(keys):
        raise Http404("There is no such run.")
    return [found[k] for k in keys]


def candidates(team: Team, taken: list[Run]) -> list[Run]:
    return list(
        pages.runs(team)
        .filter(kind=Kind.DISTILL, state=State.SUCCEEDED)
        .exclude(pk__in=[r.pk for r in taken])
        .defer("plan")[:30]
    )


def flatten(value: Any, path: str = "") -> dict[str, str]:
    """{'student.adapter.rank': '16', ...}: every leaf of a recipe by its path."""
    if isinstance(value, dict) and value:
        return {
            k: v
            for name, item in value.items()
            for k, v in flatten(item, f"{path}.{name}" if path else str(name)).items()
        }
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {k: v for i, item in enumerate(value) for k, v in flatten(item, f"{path}.{i + 1}").items()}
    return {path: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}


def differences(runs: list[Run]) -> tuple[list[dict[str, Any]], int]:
    """Fields in which the recipes differ, and how many fields are equal in all of them."""
    flat = [flatten(r.spec) for r in runs]
    names = list(dict.fromkeys(n for f in flat for n in f if n not in HIDDEN))
    rows = [{"field": n, "values": [f.get(n, "default") for f in flat]} for n in names]
    differing = [r for r in rows if len(set(r["values"])) > 1]
    return differing, len(rows) - len(differing)


def build(runs: list[Run]) -> Comparison:
    differing, equal = differences(runs)
    columns = []
    for i, run in enumerate(runs):
        built = reports.build(run.report)
        columns.append(
            {
                "run": run,
                "row": pages.row(run),
                "report": built,
                "series": i + 1,
                "noise": built.margin_is_noise if built else True,
            }
        )
    splits = {(r.dataset_version_id, json.dumps(r.spec.get("evaluation", {}), sort_keys=True)) for r in runs}
    return Comparison(
        columns,
        differing,
        equal,
        _scores(runs),
        len(splits) <= 1,
        charts.table([c for r in runs for c in charts.curves(r) if c.name == "loss"]),
        "&".join(f"run={r.id}" for r in runs),
    )


def _scores(runs: list[Run]) -> list[dict[str, Any]]:
    rows = []
    for role, title in reports.ROLES.items():
        cells = []
        for run in runs:
            report = run.report or {}
            score = (report.get("scores") or {}).get(role)
            cells.append(
                {
                    "text": words.number(score["value"], report.get("metric")),
                    "interval": words.interval(score, report.get("metric")),
                    "n": score.get("n"),
                }
                if score
                else None
            )
        rows.append({"role": role, "title": title, "cells": cells})
    return rows


def loss_figure(runs: list[Run]) -> dict[str, Any]:
    """The student's loss of every run over the union of their steps."""
    found = []
    for run in runs:
        for curve in charts.curves(run):
            if curve.name == "loss" and curve.arm == "student":
                found.append((run, curve))
    data = charts.figure([c for _, c in found])
    for i, (run, _) in enumerate(found):
        data["series"][i] |= {"label": f"#{run.number} {run.title}"[:60], "role": f"series-{i + 1}", "dash": False}
    return data
