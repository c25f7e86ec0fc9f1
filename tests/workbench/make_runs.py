"""Runs at any point of their life, made through the same state changes as the workers'."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from django.utils import timezone

from workbench.runs import actions, blobs
from workbench.runs.models import Artifact, Kind, Metric, Run, RunEvent, Slot, State
from workbench.runs.state import acting

RECIPE = {
    "version": 1, "name": "Banking intents", "method": "llm-neo", "options": {"k": 0.9}, "train": {"steps": 240, "batch_size": 32},
    "teacher": {"model": "sample/banking77-teacher"}, "student": {"model": "sample/banking77-student", "adapter": {"rank": 32}},
    "data": {"dataset": "sample/banking77", "version": 1}, "evaluation": {"metric": "exact_match"}, "control": True, "seed": 0,
}  # fmt: skip
REPORT: dict[str, Any] = {
    "metric": "exact_match",
    "scores": {
        "base": {"value": 0.112, "low": 0.094, "high": 0.131, "n": 1200}, "control": {"value": 0.468, "low": 0.44, "high": 0.496, "n": 1200},
        "student": {"value": 0.744, "low": 0.721, "high": 0.766, "n": 1200}, "teacher": {"value": 0.896, "low": 0.878, "high": 0.912, "n": 1200},
    },
    "gap_closed": {"value": 0.806, "low": 0.773, "high": 0.838}, "control_gap_closed": {"value": 0.454, "low": 0.42, "high": 0.49},
    "student_minus_control": {"value": 0.276, "low": 0.248, "high": 0.304}, "rows": {"train": 8000, "labelled": 770, "unlabelled": 7230, "heldout": 1200},
    "seconds": {"prepare": 3.1, "teacher": 21.0, "train": 74.0, "control": 48.0, "evaluate": 26.0, "export": 4.0}, "peak_memory_bytes": 612_000_000,
    "agreement_with_teacher": 0.791, "adapter_sha256": "ab" * 32,
    "examples": {
        "won": [{"row_id": "r1", "prompt": "I still have not received my new card, it has been two weeks", "gold": "card_arrival", "base": "card_linking", "student": "card_arrival", "control": "card_delivery_estimate", "teacher": "card_arrival"},
                {"row_id": "r2", "prompt": "Why was I charged a fee for withdrawing cash?", "gold": "cash_withdrawal_charge", "base": "atm_support", "student": "cash_withdrawal_charge", "control": "cash_withdrawal_charge", "teacher": "cash_withdrawal_charge"}],
        "lost": [{"row_id": "r3", "prompt": "Is there a limit to top-ups?", "gold": "top_up_limits", "base": "top_up_limits", "student": "top_up_failed", "control": "top_up_limits", "teacher": "top_up_limits"}],
    },
    "slices": [{"label": label, "n": n, "base": b, "control": c, "student": s, "teacher": t} for label, n, b, c, s, t in [("card_arrival", 40, .1, .5, .8, .95), ("exchange_rate", 40, .2, .55, .775, .9), ("lost_or_stolen_card", 40, .05, .4, .7, .85)]],
}  # fmt: skip


# The way of the engine: base and teacher are judged before anything is trained.
WAY = [("prepare", None), ("evaluate", "base"), ("evaluate", "teacher"), ("teacher", "teacher answers"), ("train", "train"), ("evaluate", "student"), ("control", "control"), ("evaluate", "control"), ("export", None)]  # fmt: skip


def waiting(
    team: Any,
    user: Any,
    kind: str = Kind.DISTILL,
    title: str = "Banking intents",
    spec: dict[str, Any] | None = None,
    **more: Any,
) -> Run:
    return actions.start_run(kind, team, user, title, spec or RECIPE, **more)


def running(team: Any, user: Any, phase: str = "train", slot: str = "cpu-0", **more: Any) -> Run:
    run = waiting(team, user, **more)
    place, _ = Slot.objects.get_or_create(
        host="box", name=slot, defaults={"queue": run.queue, "device": {"name": "CPU", "memory_bytes": 8 << 30}}
    )
    Slot.objects.filter(pk=place.pk).update(last_seen=timezone.now())
    with acting("worker"):
        Run.objects.filter(pk=run.pk).update(
            state=State.CLAIMED,
            slot=place,
            owner="test",
            lease_until=timezone.now() + timedelta(hours=1),
            fence=1,
            attempt=1,
        )
        Run.objects.filter(pk=run.pk).update(
            state=State.RUNNING,
            phase=phase,
            started_at=timezone.now() - timedelta(seconds=95),
            progress={"done": 96, "total": 240, "unit": "steps", "rate": 3.1, "eta": 46, "phase": phase},
        )
    for name, stage in WAY:
        event(run, "phase", phase=name, stage=stage)
        if name == phase and stage != "base":
            break
    run.refresh_from_db()
    return run


def event(run: Run, type: str, **data: Any) -> RunEvent:
    return RunEvent.objects.create(run=run, type=type, attempt=1, fence=1, data=data)


def succeeded(
    team: Any, user: Any, report: dict[str, Any] | None = None, files: dict[str, bytes] | None = None, **more: Any
) -> Run:
    """A finished distillation with its adapter files."""
    run = running(team, user, phase="export", **more)
    stored = (
        files
        if files is not None
        else {
            "adapter_model.safetensors": random.Random(7).randbytes(2048),
            "adapter_config.json": b"{}",
            "README.md": b"# A card\n",
            "recipe.yaml": b"version: 1\n",
            "report.json": b"{}",
            "SHA256SUMS": b"",
        }
    )
    for name, data in stored.items():
        Artifact.objects.create(run=run, name=f"adapter/{name}", blob=blobs.put(data), attempt=1, fence=1)
    with acting("worker"):
        Run.objects.filter(pk=run.pk).update(
            state=State.SUCCEEDED,
            slot=None,
            owner=None,
            lease_until=None,
            report=report or REPORT,
            finished_at=timezone.now(),
        )
    run.refresh_from_db()
    return run


def failed(team: Any, user: Any, error: dict[str, Any] | None = None, **more: Any) -> Run:
    run = running(team, user, **more)
    with acting("worker"):
        Run.objects.filter(pk=run.pk).update(
            state=State.FAILED,
            slot=None,
            owner=None,
            lease_until=None,
            finished_at=timezone.now(),
            error=error
            or {
                "code": "TRAIN_NONFINITE",
                "message": "The loss stopped being finite at step 41.",
                "hint": "Lower the learning rate from 0.02 to 0.0002.",
            },
        )
    run.refresh_from_db()
    return run


def curves(run: Run, steps: int = 240, seed: int = 0) -> None:
    """Losses that fall with noise, for student and control."""
    noise = random.Random(seed)
    rows = []
    for arm, floor in (("student", 0.4), ("control", 0.9)):
        for step in range(1, steps + 1):
            base = floor + 3.6 * 0.985**step
            values = {
                "loss": base + noise.gauss(0, 0.05),
                "grad_norm": 0.6 + 0.3 * noise.random(),
                "learning_rate": 2e-3 * (1 - step / steps),
                "tokens_per_second": 5200 + 300 * noise.random(),
            }
            if arm == "student":
                values |= {"loss.forward_kl": base * 0.8, "loss.cross_entropy": base * 0.4}
            rows += [Metric(run=run, attempt=1, arm=arm, name=n, step=step, value=v) for n, v in values.items()]
    Metric.objects.bulk_create(rows, batch_size=2000)
