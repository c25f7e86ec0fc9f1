"""Two real optimizer steps of every training stage, on the run's own models and rows: measured figures in the place of estimates.

    dry_run(folder, events) -> {seconds_per_step, peak_memory_bytes, seconds_estimate, stages, terms}, also in dry_run.json

Everything is carried out in a folder of its own that is gone afterwards, so that the run itself starts from nothing. A
selection is left out (it would score every row); the teacher's answers are written for the rows of the two steps only. Of
what a stage writes a few rows are kept to be looked at, with the questions they came from; their price is the dry run's.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from . import recipe as recipes
from . import stages
from .device import peak_memory
from .events import Events, read
from .merging.stage import merge_stage
from .output_layer import Head, probe
from .pipeline.carry import make_rows
from .recipe import (
    Generate,
    Loop,
    Merge,
    Prefer,
    Recipe,
    Record,
    Review,
    Schedule,
    Select,
    Stage,
    Train,
    Verify,
    Watch,
    Write,
)  # fmt: skip
from .session import expand, open_session
from .work import Work

STEPS = 2
SHOWN = 5  # rows of a stage that writes
LONGEST = 2000  # characters of a text that is shown
SCRATCH = "dry_run"


def dry_run(folder: Path, events: Events) -> dict[str, Any]:
    """Measures the run of `folder`. Raises DistillError where the first steps already fail."""
    plan = _plan(folder)
    full = recipes.parse(plan["recipe"]) if plan else expand(recipes.load(folder / "recipe.yaml"))
    place = folder / SCRATCH
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        measured = _measure(_prepare(folder, place, full), events)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    found = {**measured, "steps": STEPS, "seconds_estimate": _whole(plan, measured["stages"])}
    (folder / "dry_run.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    return found


def shortened(recipe: Recipe) -> Recipe:
    """The same recipe with two steps a training stage over as many rows as they take, nothing watched and no selection."""
    trains = [s for s in recipe.stages if isinstance(s, Train)]
    rows = STEPS * max((s.batch_size for s in trains), default=1)
    out: list[Stage] = []
    for stage in (one for s in recipe.stages for one in (s.stages if isinstance(s, Loop) else [s])):
        if isinstance(stage, Write):
            rows_of = "all" if stage.rows in ("wrong", "right", "unsure") else stage.rows
            out.append(
                stage.model_copy(
                    update={"limit": SHOWN, "rows": rows_of, "keep": "add", "candidates": min(2, stage.candidates)}
                )
            )
        elif isinstance(stage, Verify):
            out.append(stage.model_copy(update={"fails": "mark", "keep": "all"}))
        elif isinstance(stage, (Prefer, Review)):
            continue  # a few rows make no pair; nobody is asked to look
        elif isinstance(stage, Train):
            schedule = Schedule(type="constant")
            out.append(
                stage.model_copy(update={"steps": STEPS, "epochs": None, "schedule": schedule, "watch": Watch()})
            )
        elif not isinstance(stage, Select):
            out.append(stage)
    limit = min(rows, recipe.data.limit or rows)
    data = recipe.data.model_copy(update={"limit": limit, "sha256": None})
    return recipe.model_copy(update={"stages": out, "data": data, "control": False})


def _plan(folder: Path) -> dict[str, Any] | None:
    file = folder / "plan.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def _prepare(folder: Path, place: Path, full: Recipe) -> Path:
    """A run folder of the same models and rows."""
    shutil.copy(folder / "models.json", place)
    (place / "recipe.yaml").write_text(recipes.to_yaml(shortened(full)), encoding="utf-8")
    (place / "data").symlink_to((folder / "data").resolve(), target_is_directory=True)
    return place


def _measure(place: Path, events: Events) -> dict[str, Any]:
    inner = Events(place)
    try:
        session = open_session(place, inner)
        events.emit("phase", phase="prepare", stage=None, total=None)
        session.check_rows()
        work = stages.begin(session)
        probe(work.model, Head.of(work.model, work.student.vocab))
        found = [_stage(work, i, s, events) for i, s in enumerate(session.recipe.stages)]
    finally:
        inner.close()
    measured = [f for f in found if f and "seconds_per_step" in f]
    slowest = max(measured, key=lambda f: f["seconds_per_step"])
    return {
        "seconds_per_step": slowest["seconds_per_step"],
        "peak_memory_bytes": peak_memory(),
        "stages": measured,
        "written": [f for f in found if f and "made" in f],
        "terms": slowest["terms"],
        "alarms": [e["message"] for e in read(place / "events.jsonl") if e["type"] == "alarm"],
    }


def _stage(work: Work, index: int, stage: Any, events: Events) -> dict[str, Any] | None:
    """Carries one stage out; what was measured, where it trains."""
    if isinstance(stage, Generate):
        stages.generate(work, stage)
    elif isinstance(stage, (Write, Verify)):
        kept = make_rows(work, index, stage)
        texts = [
            {
                "question": r.question[:LONGEST],
                "answer": (r.answer or "")[:LONGEST],
                "checks": r.fields.get("checks", {}),
            }
            for r in kept.made
        ]
        lost = [
            {"question": r.question[:LONGEST], "answer": r.answer[:LONGEST], "reason": r.reason} for r in kept.rejected
        ]
        return {"name": stage.name, "made": texts[:SHOWN], "left_out": lost[:SHOWN]}
    elif isinstance(stage, Record):
        work.record = stage
    elif isinstance(stage, Merge):
        merge_stage(work, index, stage)
    elif isinstance(stage, Train):
        events.emit("phase", phase="train", stage=stage.name, total=STEPS)
        before = sum(1 for _ in read(work.session.events.path))
        stages.train_stage(work, index, stage)
        steps = [e for e in read(work.session.events.path, before) if e["type"] == "metric" and "loss" in e["values"]]
        return _figures(stage, steps)
    return None


def _figures(stage: Train, steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Time between the steps, so that what happens once does not count; value and gradient of each term at the first."""
    first, values = steps[0], steps[0]["values"]
    norms = {n.removeprefix("grad_norm."): v for n, v in values.items() if n.startswith("grad_norm.")}
    names = list(dict.fromkeys(n.removeprefix("loss.") for n in values if n.startswith("loss.")))
    if len(names) == 1 and not norms:
        norms = {names[0]: values["grad_norm"]}
    terms = {n: {"value": values[f"loss.{n}"], "grad_norm": norms.get(n)} for n in names}
    seconds = (steps[-1]["at"] - first["at"]) / max(1, len(steps) - 1)
    return {"name": stage.name, "seconds_per_step": round(seconds, 6), "terms": terms}


def _whole(plan: dict[str, Any] | None, measured: list[dict[str, Any]]) -> float | None:
    """The plan's time with the training replaced by measured steps; the control follows the student's. None without a plan."""
    if plan is None:
        return None
    by = {m["name"]: m["seconds_per_step"] for m in measured}
    trained = [s for s in plan["stages"] if s["kind"] == "train" and s["name"] in by]
    planned, real = sum(s["seconds"] for s in trained), sum(s["steps"] * by[s["name"]] for s in trained)
    ratio = real / planned if planned else 1.0
    control = sum(s["seconds"] for s in plan["stages"] if s["kind"] == "control")
    return round(float(plan["seconds"]) + real - planned + control * (ratio - 1), 3)
