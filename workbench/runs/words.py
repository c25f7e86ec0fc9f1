"""Numbers and states of a run in words: one place, so that page, API and command line say the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from workbench.home import units

from .models import Run, State

PERCENT = ("exact_match", "numeric_match", "label_accuracy", "span_f1", "auto", "")
METRICS = {
    "exact_match": "answers that match exactly",
    "numeric_match": "answers with the right number",
    "rouge_l": "ROUGE-L",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "bleu": "BLEU",
    "chrf": "chrF",
    "set_f1": "F1 of listed things",
    "bits_per_byte": "bits per byte",
    "span_f1": "strict F1 of spans",
}
WAITS = {
    "BACKOFF": "It tries again by itself after a short pause.",
    "DISK_FULL": "The worker's disk is full. It continues by itself when there is space.",
    "TEACHER_DOWN": "The teacher does not answer. It continues by itself when the teacher is back.",
    "QUOTA": "The team's quota is used up.",
    "NO_GPU": "No worker with a suitable device is connected.",
}
PHASES = {
    "prepare": ("Prepare", "Reading models and rows"),
    "teacher": ("Teacher", "The teacher answers and its signals are recorded"),
    "train": ("Train", "The student learns from the teacher"),
    "control": ("Control", "The same adapter, fine-tuned on the labelled rows only"),
    "evaluate": ("Evaluate", "Base, control, student and teacher answer the held-out rows"),
    "export": ("Export", "The adapter is written, read back and checked"),
    "upload": ("Store", "Results are stored"),
    "verify": ("Verify", "The stored adapter is checked"),
}


def is_percent(metric: str | None) -> bool:
    return (metric or "") in PERCENT


def number(value: float | None, metric: str | None = "exact_match") -> str:
    """74.4 % for shares of rows, three significant places for everything else, a dash for nothing."""
    if value is None:
        return "–"
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%" if is_percent(metric) else f"{value:.3f}"


def interval(score: dict[str, Any] | None, metric: str | None = "exact_match") -> str:
    """[72.1, 76.6] in the unit of `number`; empty where there is no interval."""
    if not score or score.get("low") is None or score.get("high") is None:
        return ""
    if is_percent(metric):
        return f"[{100 * score['low']:.1f}, {100 * score['high']:.1f}]"
    return f"[{score['low']:.3f}, {score['high']:.3f}]"


def ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def ratio_interval(score: dict[str, Any] | None) -> str:
    if not score or score.get("low") is None or score.get("high") is None:
        return ""
    return f"[{score['low']:.2f}, {score['high']:.2f}]"


def plural(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def metric_name(metric: str | None) -> str:
    return METRICS.get(metric or "", "score")


def reason(run: Run, ahead: int | None = None, has_worker: bool = True) -> str:
    """Why the run stands where it stands, in one or two sentences."""
    message = (run.error or {}).get("message", "")
    if run.state == State.QUEUED:
        if run.wait_reason in WAITS:
            return WAITS[run.wait_reason]
        if not has_worker:
            return "No worker for this kind of work is connected; it starts as soon as one is."
        return (
            "It starts as soon as a slot is free."
            if not ahead
            else f"{plural(ahead, 'run is', 'runs are')} before it in the queue."
        )
    if run.state == State.RETRY_WAIT:
        return " ".join(x for x in (message, _next_try(run.not_before), WAITS.get(run.wait_reason, "")) if x)
    if run.state == State.RUNNING:
        return PHASES.get(run.phase, ("", "Work is under way"))[1] + "."
    if run.state == State.FAILED:
        return message or "The run ended with an error that left no message. The log below shows the last lines."
    if run.state == State.PAUSED and (run.error or {}).get("code") == "BUDGET_SPENT":
        return f"Budget spent: raise it and go on, or use what is there. {message}"
    if run.state == State.PAUSED and (run.error or {}).get("code") == "REVIEW_NEEDED":
        return message
    if run.state == State.QUARANTINED:
        return (
            message + " " if message else ""
        ) + "It crashed three times without getting further, so it is not tried again by itself."
    return FIXED.get(run.state, "")


FIXED: dict[str, str] = {
    State.CLAIMED: "A worker has taken it and is preparing the engine.",
    State.PAUSING: "It writes a checkpoint, then gives its slot back.",
    State.PAUSED: "It keeps its last checkpoint and continues there when you resume it.",
    State.CANCELLING: "The engine is being stopped.",
    State.CANCELLED: "It was cancelled; what was recorded until then is kept.",
    State.SUCCEEDED: "",
}


def _next_try(moment: datetime | None) -> str:
    if not moment:
        return ""
    left = (moment - timezone.now()).total_seconds()
    return f"Next try in {units.duration(left)}." if left > 1 else "It is tried again now."


def one_line(text: object) -> str:
    """Text for a log line: control characters (line breaks, terminal escapes) are written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
