"""Verb `evaluate`: an adapter judged again on rows, reloaded with plain peft as anybody else would."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from peft import PeftModel

from . import report as reports
from .answers import Speaker
from .errors import ArtifactDamaged, PlanRefused
from .evaluate import Judged, judge, metric_of, settings_of
from .events import Events
from .export import HEAD_FILE
from .session import Session, open_session
from .verify import check_sums


def evaluate(folder: Path, events: Events) -> dict[str, Any]:
    """`adapter/`, recipe.yaml, models.json and data/rows.parquet -> report.json with base, student and teacher.

    params.json may hold `limit`, `metric` and `max_new_tokens` instead of the recipe's. Raises ArtifactDamaged.
    """
    session = open_session(folder, events)
    session.listen()
    session.recipe = session.recipe.model_copy(update={"evaluation": _evaluation(session, folder)})
    session.check_rows(pinned=False)
    adapter = folder / "adapter"
    if not (adapter / "adapter_model.safetensors").is_file():
        raise ArtifactDamaged("The adapter has no weights.", hint="Choose another adapter.")
    if (adapter / "SHA256SUMS").exists():
        check_sums(adapter)
    metric = metric_of(session)
    arms = _arms(session, adapter, metric)
    report = reports.build(session, arms, metric, {"evaluation": settings_of(session.recipe.evaluation, metric)})
    (folder / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
    events.emit("report", report=report)
    return report


def _evaluation(session: Session, folder: Path) -> Any:
    """The recipe's evaluation with what params.json says instead."""
    params = folder / "params.json"
    asked = json.loads(params.read_text()) if params.exists() else {}
    changes = {k: asked[k] for k in ("limit", "metric", "max_new_tokens", "batch_size") if asked.get(k) is not None}
    evaluation = session.recipe.evaluation
    return type(evaluation).model_validate({**evaluation.model_dump(), **changes})


def _arms(session: Session, adapter: Path, metric: str) -> dict[str, Judged]:
    arms = {}
    if (adapter / HEAD_FILE).exists():
        raise PlanRefused(
            "This adapter names labels instead of writing; it has no answers to judge in another run.",
            field="adapter",
            hint="python -m jobs.distill verify makes its score again; its report has macro F1 and a table by label.",
        )
    student = session.open("student")
    sha = session.weights_of("student")
    base = Speaker(lambda: student.model, student.renderer, student.context, sha, "", str(student.dtype))
    with session.timed("evaluate"):
        arms["base"] = judge(session, base, "base", metric)
        tuned = PeftModel.from_pretrained(student.model, str(adapter)).eval()
        weights = hashlib.sha256((adapter / "adapter_model.safetensors").read_bytes()).hexdigest()
        arms["student"] = judge(session, replace(base, load=lambda: tuned, adapter_sha256=weights), "student", metric)
        if "teacher" in session.sources and session.recipe.teacher:
            teacher = session.open("teacher")
            speaker = Speaker(
                lambda: teacher.model,
                teacher.renderer,
                teacher.context,
                session.weights_of("teacher"),
                "",
                str(teacher.dtype),
            )
            arms["teacher"] = judge(session, speaker, "teacher", metric)
    return arms
