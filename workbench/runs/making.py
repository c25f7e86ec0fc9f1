"""The rows a run made and left out, stage by stage, and its rounds: the same numbers while it works and when it has ended."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.http import Http404, StreamingHttpResponse

from jobs.distill.asking.request import OUTCOMES
from jobs.distill.catalog.tables import KINDS
from workbench.adapters import zipped

from . import blobs, words
from .actions import has_rounds, rounds_are_enough
from .models import Artifact, Kind, Run, RunEvent

OUTPUTS = "outputs/"
REJECTED = "-rejected"
REASONS = {
    **OUTCOMES,
    "unusable": "could not be made a row",
    "copy": "same as another",
    "review": "rejected by a person",
}


@dataclass
class Stage:
    """What one stage did. `made_file` and `rejected_file` are empty before the run stands still or has ended."""

    name: str
    file: str
    rows: int
    made: int
    rejected: int
    reasons: list[tuple[str, str, int]] = field(default_factory=list)  # code, words, rows
    made_file: str = ""
    rejected_file: str = ""


@dataclass
class Rejected:
    """A page of rows left out: what the stage did, the rows with their reason in words, and which page it is."""

    stage: Stage | None
    lines: list[dict[str, Any]]
    page: Page[Any]


def stages(run: Run) -> list[Stage]:
    """Stages that made or left out rows, in their order. Stages of an earlier attempt count as their newest repetition."""
    return stages_of([run])[run.pk]


def stages_of(runs: Collection[Run]) -> dict[UUID, list[Stage]]:
    """`stages` of several runs, in two queries."""
    facts: dict[UUID, dict[str, dict[str, Any]]] = {run.pk: {} for run in runs}
    kept: dict[UUID, set[str]] = {run.pk: set() for run in runs}
    mine = [run.pk for run in runs if run.kind == Kind.DISTILL]
    told = RunEvent.objects.filter(run__in=mine, type="rows").order_by("id").values_list("run", "data")
    for run_id, data in told:
        facts[run_id][str(data.get("stage"))] = data
    for run in runs:
        facts[run.pk] |= (run.report or {}).get("made_rows") or {}
    for run_id, name in Artifact.objects.filter(run__in=mine, name__startswith=OUTPUTS).values_list("run", "name"):
        kept[run_id].add(name)
    return {run.pk: [_stage(name, f, kept[run.pk]) for name, f in facts[run.pk].items()] for run in runs}


def _stage(name: str, f: dict[str, Any], kept: set[str]) -> Stage:
    file = str(f.get("file") or "")
    rows, made, rejected = (int(f.get(n) or 0) for n in ("rows", "made", "rejected"))
    reasons = [(code, _reason(code), n) for code, n in (f.get("reasons") or {}).items()]

    def there(which: str) -> str:
        return which if file and f"{OUTPUTS}{which}.jsonl" in kept else ""

    return Stage(name, file, rows, made, rejected, reasons, there(file), there(f"{file}{REJECTED}"))


def _reason(code: str) -> str:
    """Why rows were left out; a check goes by its title."""
    check = KINDS["verifier"].get(code)
    return REASONS.get(code) or (f"fails: {check.title}" if check else code.replace("-", " "))


def output(run: Run, name: str) -> Artifact:
    """Raises Http404 for what the run did not keep."""
    found = Artifact.objects.filter(run=run, name=f"{OUTPUTS}{name}.jsonl").first()
    if found is None:
        raise Http404("This run kept no such rows.")
    return found


def rejected(run: Run, file: str, code: str, page: int, size: int) -> Rejected:
    """One page of the rows that a stage left out, those of one reason where `code` says one. Only that page is kept in memory.

    Raises Http404 where the run kept no such file. A page behind the last is the last.
    """
    artifact = output(run, f"{file}{REJECTED}")
    stage = next((s for s in stages(run) if s.file == file), None)
    words_of = {c: text for c, text, _ in stage.reasons} if stage else {}
    shown, at, places = [], 0, []
    with blobs.open_blob(artifact.blob_id) as written:
        for text in written:
            if not code or json.loads(text).get("code") == code:
                places.append(at)
            at += len(text)
        chosen = Paginator(places, size).get_page(page)
        for at in chosen.object_list:
            written.seek(at)
            line = json.loads(written.readline())
            shown.append(line | {"words": words_of.get(str(line.get("code")), line.get("code"))})
    return Rejected(stage, shown, chosen)


def download(run: Run, name: str) -> StreamingHttpResponse:
    """The rows a stage made, or left out, as the engine wrote them. Raises Http404, and ArtifactDamaged before the first byte."""
    artifact = output(run, name)
    blobs.verify(artifact.blob_id)
    chunks = blobs.iter_chunks(artifact.blob_id)
    return zipped.attachment(chunks, f"run-{run.number}-{name}.jsonl", "application/x-ndjson")


# ---- rounds


def rounds(run: Run) -> list[dict[str, Any]]:
    """What each round brought: {loop, round, rows, made, score, gap_closed, expected, advice}; round 0 is before the first."""
    if run.kind != Kind.DISTILL:
        return []
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for data in RunEvent.objects.filter(run=run, type="round").order_by("id").values_list("data", flat=True):
        found[_loop(data), int(data["round"])] = data
    for data in (run.report or {}).get("rounds") or []:
        found[_loop(data), int(data["round"])] = data
    return [found[key] for key in sorted(found)]


def _loop(r: dict[str, Any]) -> str:
    return str(r.get("loop") or r.get("stage"))


def panel(run: Run) -> dict[str, Any] | None:
    """The rounds for the page: table, curves for static/js/charts.js, the newest advice. None for a run without any."""
    found = rounds(run)
    if not found:
        return None
    metric = (run.report or {}).get("metric") or ((run.spec.get("evaluation") or {}).get("metric")) or "exact_match"
    loops = dict.fromkeys(_loop(r) for r in found)
    return {
        "rows": [_line(r, metric, len(loops) > 1) for r in found],
        "figures": [
            {"id": f"rounds-{n}", "data": _figure([r for r in found if _loop(r) == name])}
            for n, name in enumerate(loops, 1)
        ],
        "advice": (found[-1].get("advice") or {}).get("sentence", ""),
        "can_end": has_rounds(run) and not run.is_ended,
        "ending": rounds_are_enough(run.pk),
    }


def _line(r: dict[str, Any], metric: str, several: bool) -> dict[str, Any]:
    expected = r.get("expected")
    came = "" if not expected else "as expected" if expected["low"] <= r["score"] <= expected["high"] else (
        "more than expected" if r["score"] > expected["high"] else "less than expected"
    )  # fmt: skip
    return {
        "loop": _loop(r) if several else "",
        "round": r["round"],
        "rows": r.get("rows"),
        "made": r.get("made"),
        "score": words.number(r["score"], metric),
        "gap": words.ratio(r.get("gap_closed")),
        "expected": words.number(expected["score"], metric) if expected else "–",
        "interval": words.interval(expected, metric) if expected else "",
        "came": came,
        "price": f"{r['spent']:,.2f} {r.get('currency') or ''}".strip() if r.get("spent") else "",
    }


def _figure(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Score by rows, with what was expected; rounds that brought no row share their place with the last of them."""
    by_rows = {int(r.get("rows") or 0): r for r in found}
    x = sorted(by_rows)

    def of(value: Any) -> list[float | None]:
        return [value(by_rows[n]) for n in x]

    series: list[dict[str, Any]] = [
        {"label": "Score", "role": "student", "dash": False, "values": of(lambda r: r["score"])}
    ]
    for key, label in (("low", "Expected, low"), ("high", "Expected, high")):
        values = of(lambda r, key=key: (r.get("expected") or {}).get(key))
        if any(v is not None for v in values):
            series.append({"label": label, "role": "", "dash": True, "values": values})
    if any(r.get("gap_closed") is not None for r in found):
        series.append(
            {"label": "Gap closed", "role": "teacher", "dash": False, "values": of(lambda r: r.get("gap_closed"))}
        )
    return {"x": x, "x_label": "rows to learn from", "y_label": "", "series": series}
