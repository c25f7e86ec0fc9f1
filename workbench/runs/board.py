"""The stage board of a run: what is done, what is under way and how far, what comes, and how long it takes.

A distillation judges more than once: base and teacher before the training, the student after it, the control after
its own. So "evaluate" is done only when the export has begun; the other stages are passed in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.home import units

from . import words
from .models import ACTIVE, Kind, Run, RunEvent, State

DISTILL = ("prepare", "teacher", "train", "control", "evaluate", "export")
IN_ORDER = ("prepare", "teacher", "train", "control", "export")
STANDING = (*ACTIVE, State.RETRY_WAIT, State.PAUSED, State.QUEUED)
ARMS = ("base", "teacher", "student", "control")


@dataclass
class Stage:
    """One field of the board. state: done | active | part | todo | skipped | stopped."""

    name: str
    title: str
    text: str
    state: str
    percent: float = 0
    note: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class Passed:
    """Phases the present attempt went through, in order, and what was judged."""

    names: tuple[str, ...]
    judged: tuple[str, ...]


def passed(run: Run) -> Passed:
    found = (
        RunEvent.objects.filter(run=run, type="phase", attempt=run.attempt)
        .order_by("id")
        .values_list("data__phase", "data__stage")
    )
    names = [str(n) for n, _ in found if n]
    judged = [str(s) for n, s in found if n == "evaluate" and s in ARMS]
    return Passed(tuple(names), tuple(dict.fromkeys(judged)))


def stages(run: Run) -> list[Stage]:
    """The board of any kind of run; other work than a distillation shows the phases it went through."""
    been = passed(run)
    order: Sequence[str] = DISTILL if run.kind == Kind.DISTILL else list(dict.fromkeys(been.names)) or ["prepare"]
    spent = (run.report or {}).get("seconds") or {}
    out = []
    for name in order:
        title, text = words.PHASES.get(name, (name.capitalize(), ""))
        stage = Stage(name, title, text, _state(run, name, been), seconds=spent.get(name))
        _tell(stage, run, been)
        out.append(stage)
    return out


def _state(run: Run, name: str, been: Passed) -> str:
    if name in _left_out(run):
        return "skipped"
    if run.state == State.SUCCEEDED:
        return "done"
    current = _current(run, been)
    if name == current:
        return "active" if run.state in STANDING else "stopped"
    if name == "evaluate":
        return "done" if "export" in been.names else "part" if name in been.names else "todo"
    if name not in IN_ORDER:
        return "done" if name in been.names else "todo"
    furthest = max((IN_ORDER.index(n) for n in been.names if n in IN_ORDER), default=-1)
    return "done" if IN_ORDER.index(name) <= furthest else "todo"


def _left_out(run: Run) -> tuple[str, ...]:
    if run.kind != Kind.DISTILL:
        return ()
    return (() if run.spec.get("control", True) else ("control",)) + (() if run.spec.get("teacher") else ("teacher",))


def _current(run: Run, been: Passed) -> str:
    """The phase the run stands in; storing and verifying belong to the export on the board."""
    if not been.names or not run.phase:
        return ""
    return "export" if run.phase in ("upload", "verify") and run.kind == Kind.DISTILL else run.phase


def _tell(stage: Stage, run: Run, been: Passed) -> None:
    """Progress of the stage under way, or what stands instead of it."""
    if stage.state == "skipped":
        stage.note = "not in this run"
    elif stage.state == "part":
        stage.note = f"{' and '.join(been.judged)} judged"
    elif stage.state in ("active", "stopped"):
        p = run.progress or {}
        done, total = p.get("done"), p.get("total")
        if (
            p.get("phase") == stage.name
            and isinstance(done, (int, float))
            and isinstance(total, (int, float))
            and total > 0
        ):
            stage.percent = round(100 * min(done / total, 1), 1)
            stage.note = _counted(done, total, p.get("unit") or "")
        if stage.name == "evaluate" and been.judged:
            stage.note = f"{been.judged[-1]}{': ' if stage.note else ''}{stage.note}"


def _counted(done: float, total: float, unit: str) -> str:
    if unit == "bytes":
        return f"{units.size(done)} of {units.size(total)}"
    return f"{done:,.0f} of {total:,.0f} {unit}".strip()


def seconds_left(run: Run) -> float | None:
    """What the phase under way says is left, plus the plan's estimate for what comes after it."""
    left = (run.progress or {}).get("eta")
    if run.state != State.RUNNING or not isinstance(left, (int, float)):
        return None
    been = passed(run)
    todo = {s.name: 1.0 for s in stages(run) if s.state == "todo"}
    todo["evaluate"] = max(0, _arms(run) - len(been.judged)) / _arms(run)
    return float(left) + sum(
        (s.get("seconds") or 0) * todo.get(_phase_of(s), 0) for s in (run.plan or {}).get("stages", [])
    )


def _arms(run: Run) -> int:
    return len(ARMS) - len(_left_out(run))


def _phase_of(estimate: dict[str, Any]) -> str:
    kind = str(estimate.get("kind", ""))
    return "teacher" if kind in ("generate", "record") else "train" if kind == "reward" else kind


def rate(run: Run) -> str:
    p = run.progress or {}
    if not isinstance(p.get("rate"), (int, float)) or p["rate"] <= 0:
        return ""
    return (
        f"{units.size(p['rate'])}/s" if p.get("unit") == "bytes" else f"{p['rate']:,.1f} {p.get('unit') or 'steps'}/s"
    )
